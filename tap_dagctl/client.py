"""The wire: URL, headers, retries, what a good answer is, errors people can act on."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

import requests

from tap_dagctl import faults, timestamps
from tap_dagctl.deadline import Deadline, DeadlineAdapter
from tap_dagctl.decoding import decoded
from tap_dagctl.errors import AnswerError, RequestError
from tap_dagctl.retries import PassingError, Retries

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from tap_dagctl.settings import Settings

# What it warns of quotes the server, which may send the token back.
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(lambda line: line.levelno < logging.WARNING)

T = TypeVar("T")

MOST_BYTES = 64 * 1024 * 1024
"""Largest answer that is read, after decompression: far beyond 500 rows, far below all memory."""

MOST_TIMEOUTS = 10
"""An answer may trickle in for so many times `request_timeout`, and then counts as none."""

_CHUNK_BYTES = 64 * 1024
_MOST_ERROR_BYTES = 4 * 1024


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


class _Session(requests.Session):
    """Goes nowhere else: the token is for one host, and one kind of answer."""

    @override
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: requests looks ahead, without a bound, though it is told not to follow."""


class Client:
    """Asks the API, with the credentials every request must carry."""

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.api_url
        self._timeout = settings.request_timeout
        self._retries = Retries(settings.max_attempts)
        self._token = settings.api_token
        self._session = _Session()
        # A server could set so many that no request fits any more.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = DeadlineAdapter(pool_maxsize=settings.max_connections)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)
        self._session.auth = _Bearer(settings.api_token)
        self._session.headers.update(
            {
                "Accept": "application/json",
                # Whatever else this machine could unpack: a server cannot be asked for less.
                "Accept-Encoding": "gzip, deflate",
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
                raise PassingError("the answer has not the documented shape", "") from error

        try:
            return self._retries.call(f"GET {path}", attempt)
        except PassingError as error:
            tries = f"({error.tries} {'try' if error.tries == 1 else 'tries'})"
            if isinstance(error.__cause__, AnswerError):
                msg = f"{error.__cause__} {tries}"
                raise AnswerError(msg) from None
            msg = f"GET {path}: {error} {tries}; {error.advice}"
            raise RequestError(msg) from None

    def _get_once(self, path: str, params: Mapping[str, object] | None) -> Answer:
        deadline = Deadline(MOST_TIMEOUTS * self._timeout)
        try:
            with deadline:
                status, headers, content, elapsed = self._exchange(path, params)
        except requests.RequestException as error:
            if deadline.passed:
                raise _endless() from None
            raise self._named(path, faults.of_connection(error, self._base_url)) from None
        except OSError as error:
            # The certificates that requests is told to use are not there.
            msg = f"GET {path}: {error}: check REQUESTS_CA_BUNDLE"
            raise RequestError(msg) from None
        if deadline.passed:
            raise _endless()
        server_time = faults.http_date(headers.get("Date", ""))
        if status != HTTPStatus.OK:
            fault = faults.of_status(status, headers, content, server_time, self._token)
            raise self._named(path, fault)
        if len(content) > MOST_BYTES:
            what = f"the answer is larger than {MOST_BYTES // 1024 // 1024} MB"
            raise PassingError(what, "lower page_size; if it stays, report it to dagctl")
        try:
            body = decoded(content)
        except ValueError:
            what = "the answer is not JSON"
            raise PassingError(what, f"check api_url ({self._base_url})") from None
        self._server_time = server_time
        took = -(-elapsed // timedelta(seconds=1)) * timestamps.NANOSECONDS
        return Answer(body, server_time, None if server_time is None else server_time - took)

    def _exchange(
        self, path: str, params: Mapping[str, object] | None
    ) -> tuple[int, Mapping[str, str], bytes, timedelta]:
        """Return the status, the headers, the body as far as it may go, and the time it took."""
        with self._session.get(
            f"{self._base_url}{path}",
            params={name: str(value) for name, value in (params or {}).items()},
            timeout=self._timeout,
            allow_redirects=False,  # the token goes to this host and no other
            stream=True,
        ) as response:
            most = MOST_BYTES if response.status_code == HTTPStatus.OK else _MOST_ERROR_BYTES
            content = bytearray()
            for chunk in response.iter_content(_CHUNK_BYTES):
                content += chunk
                if len(content) > most:
                    break
            return response.status_code, response.headers, bytes(content), response.elapsed

    @staticmethod
    def _named(path: str, fault: PassingError | RequestError) -> PassingError | RequestError:
        """Return `fault`, which says what was asked if nothing else will be added to it."""
        return fault if isinstance(fault, PassingError) else type(fault)(f"GET {path}: {fault}")


def _endless() -> PassingError:
    what = f"the answer did not end within {MOST_TIMEOUTS} times request_timeout"
    return PassingError(what, "raise it, or lower page_size")


def path_segment(value: str) -> str:
    """Return `value` so that it can only ever be one segment of a path.

    Raises:
        AnswerError: nothing can make it one: `.` and `..` are resolved however they are written.
    """
    try:
        segment = quote(value, safe="")
    except UnicodeEncodeError:
        segment = ""
    if segment in {"", ".", ".."}:
        msg = f"The project id {value!r} cannot be asked for; report it to dagctl"
        raise AnswerError(msg)
    return segment
