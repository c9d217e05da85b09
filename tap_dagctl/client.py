"""The wire: URL, headers, retries, what a good answer is, errors people can act on."""

from __future__ import annotations

import json
import logging
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import quote, urlsplit

import requests

from tap_dagctl import timestamps
from tap_dagctl.errors import AnswerError, RejectedError, RequestError
from tap_dagctl.retries import PassingError, Retries

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from tap_dagctl.settings import Settings

T = TypeVar("T")

logger = logging.getLogger("tap-dagctl.client")

MOST_BYTES = 64 * 1024 * 1024
"""Largest answer that is read, after decompression: far beyond 500 rows, far below all memory."""

MOST_TIMEOUTS = 10
"""An answer may trickle in for so many times `request_timeout`, and then counts as none."""

_CHUNK_BYTES = 16 * 1024
_TOO_MUCH = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}

_PASSES_BY_ITSELF = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
_ADVICE = {
    HTTPStatus.UNAUTHORIZED: "the token was rejected: check api_token, or make a new one in dagctl "
    "under Settings > Authentication > API Tokens",
    HTTPStatus.FORBIDDEN: "the token may not read this: check that organization_id is the token's "
    "own organization",
    HTTPStatus.NOT_FOUND: "there is nothing here: check api_url, and whether the project still "
    "exists",
}


@dataclass(frozen=True)
class Answer:
    """One good answer.

    Attributes:
        body: the JSON object, or the list where the API answered a bare one.
        server_time: the server's clock when it answered (its `Date`, whole seconds), in
            nanoseconds since the epoch; None where it did not say.
        asked_at: the server's clock when it was asked, or up to a second earlier: that less the
            time the answer took, in whole seconds like `Date` itself.
    """

    body: Any
    server_time: int | None
    asked_at: int | None


class _Bearer(requests.auth.AuthBase):
    """Sets the token itself: without an `auth`, requests lets a netrc entry replace it."""

    def __init__(self, token: str) -> None:
        self._authorization = f"Bearer {token}"

    @override
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._authorization
        return request


class Client:
    """Asks the API, with the credentials every request must carry."""

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.api_url
        self._timeout = settings.request_timeout
        self._retries = Retries(settings.max_attempts)
        self._session = requests.Session()
        self._session.auth = _Bearer(settings.api_token)
        self._session.headers.update(
            {
                "Accept": "application/json",
                "User-Agent": settings.user_agent,
                "X-Organization-ID": settings.organization_id,
            },
        )

        if urlsplit(settings.api_url).scheme == "http":
            # This machine's loopback is no proxy's business: the token would reach it unencrypted.
            self._session.trust_env = False
        self._server_time: int | None = None

    def today(self) -> date:
        """Return the UTC day by the server's clock at its latest answer, else by this machine's."""
        return timestamps.day_of(self._server_time or timestamps.now())

    def get(
        self, path: str, read: Callable[[Answer], T], params: Mapping[str, object] | None = None
    ) -> T:
        """Return what `read` makes of the answer to `path` below the base URL.

        What can pass by itself is tried again; an answer that `read` rejects with an
        `AnswerError` counts as that.

        Raises:
            RequestError: the request cannot succeed, or did not within `max_attempts` tries.
            AnswerError: `read` rejected the last answer.
        """

        def attempt() -> T:
            answer = self._get_once(path, params)
            try:
                return read(answer)
            except AnswerError as error:
                what = "the answer has not the documented shape"
                raise PassingError(what, final=error) from None

        try:
            return self._retries.call(f"GET {path}", attempt)
        except PassingError as error:
            if error.final:
                msg = f"{error.final} ({self._retries.most} tries)"
                raise AnswerError(msg) from None
            msg = (
                f"GET {path}: {error} ({self._retries.most} tries); check api_url "
                f"({self._base_url}; newer dagctl pages name https://api.dagctl.io) and try later"
            )
            raise RequestError(msg) from None

    def _get_once(self, path: str, params: Mapping[str, object] | None) -> Answer:
        began = time.monotonic()
        try:
            with self._session.get(
                f"{self._base_url}{path}",
                params={name: str(value) for name, value in (params or {}).items()},
                timeout=self._timeout,
                allow_redirects=False,  # the token goes to this host and no other
                stream=True,
            ) as response:
                _check_status(path, response)
                content = self._content(response, began)
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
            msg = "the answer was cut short"
            raise PassingError(msg) from None
        except (requests.ConnectionError, requests.Timeout) as error:
            raise PassingError(_connection_fault(error)) from None
        except requests.RequestException as error:
            msg = f"GET {path}: {type(error).__name__}; check api_url ({self._base_url})"
            raise RequestError(msg) from None
        took = -(-response.elapsed // timedelta(seconds=1)) * timestamps.NANOSECONDS
        try:
            body = json.loads(content, parse_constant=_refuse)
        except (ValueError, RecursionError):  # no JSON, or no text at all, or nested without end
            msg = "the answer is not JSON"
            raise PassingError(msg) from None
        self._server_time = _server_time(response)
        asked_at = None if self._server_time is None else self._server_time - took
        return Answer(body, self._server_time, asked_at)

    def _content(self, response: requests.Response, began: float) -> bytes:
        """Read the body, as long as it keeps within its bounds in size and time."""
        content = bytearray()
        for chunk in response.iter_content(_CHUNK_BYTES):
            content += chunk
            if len(content) > MOST_BYTES:
                msg = f"the answer is larger than {MOST_BYTES // 1024 // 1024} MB"
                raise PassingError(msg)
            if time.monotonic() - began > MOST_TIMEOUTS * self._timeout:
                msg = f"the answer did not end within {MOST_TIMEOUTS} times request_timeout"
                raise PassingError(msg)
        return bytes(content)


def _refuse(constant: str) -> NoReturn:
    # Python's own addition to JSON; no loader could read it.
    raise ValueError(constant)


def path_segment(value: str) -> str:
    """Return `value` so that it can only ever be one segment of a path."""
    return quote(value, safe="")


def _check_status(path: str, response: requests.Response) -> None:
    status = response.status_code
    if status == HTTPStatus.OK:
        return
    if status in _PASSES_BY_ITSELF or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        msg = f"the server answered {status}"
        raise PassingError(msg, _retry_after(response), is_limit=status in _TOO_MUCH)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        host = urlsplit(response.headers.get("Location", "")).hostname or "another path"
        advice = f"it points to {host}, and the token is not sent there: set api_url to the new one"
    else:
        known = HTTPStatus(status) if status in HTTPStatus.__members__.values() else None
        advice = _ADVICE.get(known, "check the settings") if known else "check the settings"
    msg = f"GET {path}: the server answered {status}: {advice}"
    raise RejectedError(msg) if status == HTTPStatus.UNAUTHORIZED else RequestError(msg)


def _connection_fault(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time (request_timeout)"
    if isinstance(error, requests.exceptions.SSLError):
        return "no trusted TLS connection (REQUESTS_CA_BUNDLE names a bundle of your own)"
    return "no connection, or it was broken off"


def _retry_after(response: requests.Response) -> float | None:
    """Return the seconds `Retry-After` asks for, as a number or as a date (RFC 9110, 10.2.3)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    server_time = _server_time(response) or timestamps.now()
    return max(0.0, moment.timestamp() - server_time / timestamps.NANOSECONDS)


def _server_time(response: requests.Response) -> int | None:
    try:
        moment = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return int(moment.timestamp()) * timestamps.NANOSECONDS
