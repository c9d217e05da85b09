"""The wire: URL, headers, retries, what a good answer is, errors people can act on."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import requests
import urllib3

from tap_dagctl import timestamps
from tap_dagctl.api import responses
from tap_dagctl.api.decoding import decoded
from tap_dagctl.api.retries import PassingError, Retries
from tap_dagctl.api.transport import Deadline, connections
from tap_dagctl.errors import AnswerError, RequestError, UnreachableError

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

# An ordinary page in one.
_CHUNK_BYTES = 512 * 1024
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
        waited: seconds until it began to come.
    """

    body: Any
    server_time: int | None
    asked_at: int | None
    waited: float


class Client:
    """Asks the API, with the credentials every request must carry.

    Attributes:
        server_time: the server's clock at its latest answer, in nanoseconds since the epoch; None
            where it did not tell.
    """

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.api_url
        self._timeout = settings.request_timeout
        self._retries = Retries(settings.max_attempts)
        self._token = settings.api_token
        self._headers = {
            "Accept": "application/json",
            # Whatever else this machine could unpack: a server cannot be asked for less.
            "Accept-Encoding": "gzip, deflate",
            "Authorization": f"Bearer {settings.api_token}",
            "User-Agent": settings.user_agent,
            "X-Organization-ID": settings.organization_id,
        }
        self._most_connections = settings.max_connections
        self.server_time: int | None = None

    @cached_property
    def _connections(self) -> urllib3.HTTPConnectionPool:
        return connections(self._base_url, self._most_connections)

    def today(self) -> date:
        """Return the UTC day by the server's clock at its latest answer, else by this machine's."""
        return timestamps.day_of(self.server_time or timestamps.now())

    def get(
        self,
        path: str,
        read: Callable[[Answer], T],
        params: Mapping[str, object] | None = None,
        is_wanted: Callable[[], bool] = lambda: True,
        decode: Callable[[bytes], object] = decoded,
    ) -> T:
        """Return what `read` makes of the answer to `path` below the base URL.

        What can pass by itself is tried again; an answer that `read` rejects with an
        `AnswerError` counts as that. Several threads may ask at the same time.

        Args:
            path: what to ask for.
            read: makes something of the answer.
            params: query parameters.
            is_wanted: whether it is worth another try.
            decode: makes an answer's body of its bytes, or raises a `ValueError`.

        Raises:
            RequestError: the request cannot succeed, or did not within `max_attempts` tries.
            AnswerError: `read` rejected the last answer.
        """

        def attempt() -> T:
            answer = self._get_once(path, params, decode)
            try:
                return read(answer)
            except AnswerError as error:
                raise PassingError("the answer has not the documented shape", "") from error

        try:
            return self._retries.call(f"GET {path}", attempt, is_wanted)
        except PassingError as error:
            tries = f"({error.tries} {'try' if error.tries == 1 else 'tries'})"
            if isinstance(error.__cause__, AnswerError):
                msg = f"{error.__cause__} {tries}"
                raise AnswerError(msg) from None
            kind = RequestError if self._retries.has_answered else UnreachableError
            msg = f"GET {path}: {error} {tries}; {error.advice}"
            raise kind(msg) from None

    def _get_once(
        self,
        path: str,
        params: Mapping[str, object] | None,
        decode: Callable[[bytes], object],
    ) -> Answer:
        deadline = Deadline(MOST_TIMEOUTS * self._timeout)
        try:
            with deadline:
                status, headers, content, elapsed = self._exchange(path, params)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if deadline.passed:
                raise _endless() from None
            raise self._named(path, responses.of_connection(error, self._base_url)) from None
        except OSError as error:
            # The certificates that requests is told to use are not there.
            raise UnreachableError(f"GET {path}: {error}", "check REQUESTS_CA_BUNDLE") from None
        if deadline.passed:
            raise _endless()
        server_time = responses.http_date(headers.get("Date", ""))
        if status != HTTPStatus.OK:
            raise self._named(
                path, responses.of_status(status, headers, content, server_time, self._token)
            )
        if len(content) > MOST_BYTES:
            what = f"the answer is larger than {MOST_BYTES // 1024 // 1024} MB"
            raise PassingError(what, "lower page_size; if it stays, report it to dagctl")
        try:
            body = decode(content)
        except ValueError:
            what = "the answer is not JSON"
            raise PassingError(what, f"check api_url ({self._base_url})") from None
        self.server_time = server_time
        took = math.ceil(elapsed) * timestamps.NANOSECONDS
        asked_at = None if server_time is None else server_time - took
        return Answer(body, server_time, asked_at, elapsed)

    def _exchange(
        self, path: str, params: Mapping[str, object] | None
    ) -> tuple[int, Mapping[str, str], bytes, float]:
        """Return the status, the headers, the body as far as it may go, and the seconds to it."""
        began = time.monotonic()
        query = urlencode({name: str(value) for name, value in (params or {}).items()})
        response = self._connections.urlopen(
            "GET",
            f"{urlsplit(self._base_url).path}{path}{query and '?'}{query}",
            headers=self._headers,
            timeout=urllib3.Timeout(self._timeout),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        elapsed = time.monotonic() - began
        with response:
            most = MOST_BYTES if response.status == HTTPStatus.OK else _MOST_ERROR_BYTES
            return response.status, response.headers, _body(response, most), elapsed

    @staticmethod
    def _named(path: str, error: PassingError | RequestError) -> PassingError | RequestError:
        """Return `error`, which says what was asked if nothing else will be added to it."""
        if isinstance(error, PassingError):
            return error
        return type(error)(f"GET {path}: {error.what}", error.advice)


def _body(response: urllib3.BaseHTTPResponse, most: int) -> bytes:
    """Return the body, unpacked: all of it, or what is more than `most` bytes."""
    chunks, size = [], 0
    try:
        for chunk in response.stream(min(most, _CHUNK_BYTES), decode_content=True):
            chunks.append(chunk)
            size += len(chunk)
            if size > most:
                break
    except urllib3.exceptions.ProtocolError as error:
        raise responses.CutShortError from error
    return b"".join(chunks)


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
