"""The wire: URL, headers, retries, what a good answer is, errors people can act on."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import backoff
import requests

from tap_dagctl import timestamps
from tap_dagctl.errors import RejectedError, RequestError

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from datetime import date

    from tap_dagctl.settings import Settings

logger = logging.getLogger("tap-dagctl.client")

MAX_WAIT_SECONDS = 120
"""Longest wait before another try, whatever `Retry-After` asks for."""

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


class _PassingError(Exception):
    """Another try may succeed."""

    def __init__(self, what: str, retry_after: float | None = None) -> None:
        super().__init__(what)
        self.retry_after = retry_after


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
        self._max_attempts = settings.max_attempts
        self._session = requests.Session()
        self._session.auth = _Bearer(settings.api_token)
        self._session.headers.update(
            {
                "Accept": "application/json",
                "User-Agent": settings.user_agent,
                "X-Organization-ID": settings.organization_id,
            },
        )

        self._server_time: int | None = None

    def today(self) -> date:
        """Return the UTC day by the server's clock at its latest answer, else by this machine's."""
        return timestamps.day_of(self._server_time or timestamps.now())

    def get(self, path: str, params: Mapping[str, object] | None = None) -> Answer:
        """Ask for `path` below the base URL, trying again what can pass by itself.

        Raises:
            RequestError: the request cannot succeed, or did not within `max_attempts` tries.
        """
        tries = 0

        def attempt() -> Answer:
            nonlocal tries
            tries += 1
            return self._get_once(path, params)

        retrying = backoff.on_exception(
            _waits,
            _PassingError,
            max_tries=self._max_attempts,
            jitter=None,  # `_waits` has its own: `Retry-After` is a minimum, not to be shortened
            on_backoff=lambda details: logger.warning(
                "GET %s: %s; try %d of %d, waiting %.1f s",
                path,
                details["exception"],
                details["tries"],
                self._max_attempts,
                details["wait"],
            ),
            on_giveup=None,
            logger=None,
        )
        try:
            return retrying(attempt)()
        except _PassingError as error:
            msg = (
                f"GET {path}: {error} ({tries} tries); check api_url "
                f"({self._base_url}; newer dagctl pages name https://api.dagctl.io) and try later"
            )
            raise RequestError(msg) from None

    def _get_once(self, path: str, params: Mapping[str, object] | None) -> Answer:
        try:
            response = self._session.get(
                f"{self._base_url}{path}",
                params={name: str(value) for name, value in (params or {}).items()},
                timeout=self._timeout,
                allow_redirects=False,  # the token goes to this host and no other
            )
        except (requests.ConnectionError, requests.Timeout) as error:
            raise _PassingError(_connection_fault(error)) from None
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
            msg = "the answer was cut short"
            raise _PassingError(msg) from None
        _check_status(path, response)
        try:
            body = response.json()
        except ValueError:  # no JSON, or no text at all
            msg = "the answer is not JSON"
            raise _PassingError(msg) from None
        self._server_time = _server_time(response)
        took = -(-response.elapsed // timedelta(seconds=1)) * timestamps.NANOSECONDS
        asked_at = None if self._server_time is None else self._server_time - took
        return Answer(body, self._server_time, asked_at)


def path_segment(value: str) -> str:
    """Return `value` so that it can only ever be one segment of a path."""
    return quote(value, safe="")


def _check_status(path: str, response: requests.Response) -> None:
    status = response.status_code
    if status == HTTPStatus.OK:
        return
    if status in _PASSES_BY_ITSELF or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        msg = f"the server answered {status}"
        raise _PassingError(msg, _retry_after(response))
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


def _waits() -> Generator[float, Any, None]:
    """Seconds before each further try: 0.5 to 1, then twice that, and so on up to the bound.

    A server that says when to come back is obeyed, up to the same bound.
    """
    jittered = backoff.expo(base=2, factor=1, max_value=MAX_WAIT_SECONDS)
    next(jittered)
    error = yield 0.0
    while True:
        ceiling = next(jittered) or 0.0
        wait = ceiling / 2 + backoff.full_jitter(ceiling / 2)
        asked = error.retry_after if isinstance(error, _PassingError) else None
        error = yield min(max(wait, asked or 0.0), MAX_WAIT_SECONDS)


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
