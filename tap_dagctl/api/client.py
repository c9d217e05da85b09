"""The client: sends a request with its headers and retries, and checks the answer."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from functools import cached_property
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit

import requests
import urllib3

from tap_dagctl import redaction, timestamps
from tap_dagctl.api import responses
from tap_dagctl.api.request import Answer, Request
from tap_dagctl.api.retries import Retries
from tap_dagctl.api.transport import StaleConnectionError, connection_pool
from tap_dagctl.errors import AnswerError, NoAccessError, PassingError, RequestError
from tap_dagctl.settings import Settings

# urllib3's warnings quote the server, which may echo the token.
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(lambda line: line.levelno < logging.WARNING)

T = TypeVar("T")

# Largest unpacked answer: far more than 500 rows need, and small enough for memory.
MAX_BYTES = 64 * 1024 * 1024
# A value can take a hundred bytes of memory, even if it has few in the answer.
MAX_VALUES = 2_000_000
# If the server's clock jumps by more than this between two answers, the earlier time counts.
MAX_CLOCK_DRIFT_SECONDS = 60

# Large enough for an ordinary page.
_CHUNK_BYTES = 512 * 1024
_MAX_ERROR_BYTES = 4 * 1024


class Client:
    """Sends requests to the API, with the credentials. Several threads may use it at once.

    `server_time` is that of the latest answer. `waits` has the seconds that each of the latest
    answers took, headers and body.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._retries = Retries(settings.max_attempts)
        self._headers = {
            "Accept": "application/json",
            # Only these, even if urllib3 can unpack more, so that every machine gets the same
            # answers.
            "Accept-Encoding": "gzip, deflate",
            "Authorization": f"Bearer {settings.api_token}",
            "User-Agent": settings.user_agent,
            "X-Organization-ID": settings.organization_id,
        }
        self.server_time: int | None = None
        self.waits: deque[float] = deque(maxlen=5)
        # By path.
        self.requests, self.rows = Counter[str](), Counter[str]()
        self._counting = threading.Lock()
        # The smallest difference so far between the server's clock and the monotonic one.
        self._server_offset = math.inf
        # Shared by the pages of a walk and the first requests of the next streams.
        self._slots = threading.BoundedSemaphore(settings.max_connections)

    @cached_property
    def _pool(self) -> urllib3.HTTPConnectionPool:
        return connection_pool(self._settings.api_url, self._settings.max_connections)

    def today(self) -> date:
        """Return the UTC day by the server's clock, or by this machine's before an answer."""
        return timestamps.day_of(self.server_time or timestamps.now())

    def get(self, request: Request[T], is_wanted: Callable[[], bool] = lambda: True) -> T:
        """Return what `request` reads from its answer; try again while that `is_wanted`."""

        def attempt() -> T:
            with self._slots:
                answer = self._get_once(request)
            result, body = request.read(answer), answer.body
            lists = body.values() if isinstance(body, dict) else [body]
            rows = sum(len(rows) for rows in lists if isinstance(rows, list))
            with self._counting:
                self.rows[request.path] += rows
            return result

        return self._retries.call(f"GET {request.path}", attempt, is_wanted)

    def _get_once(self, request: Request[object]) -> Answer:
        with self._counting:
            self.requests[request.path] += 1
        sent, busy = time.monotonic(), time.thread_time()
        try:
            status, headers, content = self._exchange(request)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise responses.connection_error(error, self._settings.api_url) from None
        except OSError as error:
            # The file of certificates in REQUESTS_CA_BUNDLE is missing.
            raise NoAccessError(str(error), "check REQUESTS_CA_BUNDLE") from None
        received, busy = time.monotonic(), time.thread_time() - busy
        server_time = responses.server_clock(headers)
        if status != HTTPStatus.OK:
            raise responses.status_error(status, headers, content, server_time, request.params)
        self._check(content)
        try:
            body = request.decode(content)
        except ValueError:
            what = "the answer is not JSON"
            raise PassingError(what, f"check api_url ({self._settings.api_url})") from None
        self.server_time = server_time
        # Do not count the time for unpacking the body.
        self.waits.append(received - sent - busy)
        asked_at = None if server_time is None else self._asked_at(server_time, sent, received)
        return Answer(body, server_time, asked_at, sent, received)

    def _check(self, content: bytes) -> None:
        if len(content) > MAX_BYTES:
            what = f"the answer is larger than {MAX_BYTES // 1024 // 1024} MB"
        elif redaction.holds_escaped(content, self._settings.api_token):
            what = "the answer holds the API token, so it is not loaded"
            raise RequestError(what, "make a new token in dagctl, and revoke this one")
        elif len(content) > MAX_VALUES and content.count(b",") + content.count(b"[") > MAX_VALUES:
            what = f"the answer holds more than {MAX_VALUES:,} values"
        else:
            return
        raise PassingError(what, "lower page_size; if it stays, report it to dagctl")

    def _asked_at(self, server_time: int, sent: float, received: float) -> int:
        asked_at = server_time - math.ceil(received - sent) * timestamps.NANOSECONDS
        offset = asked_at - sent * timestamps.NANOSECONDS
        self._server_offset = min(self._server_offset, offset)
        if offset - self._server_offset > MAX_CLOCK_DRIFT_SECONDS * timestamps.NANOSECONDS:
            return int(asked_at - (offset - self._server_offset))
        return asked_at

    def _exchange(self, request: Request[object]) -> tuple[int, Mapping[str, str], bytes]:
        query = urlencode({name: str(value) for name, value in request.params.items()})
        url = f"{urlsplit(self._settings.api_url).path}{request.path}{query and '?'}{query}"
        response = None
        while response is None:
            # A stale connection leaves the pool, and a new one cannot be stale, so this loop ends.
            with suppress(StaleConnectionError):
                response = self._pool.urlopen(
                    "GET",
                    url,
                    headers=self._headers,
                    timeout=urllib3.Timeout(self._settings.request_timeout),
                    retries=False,
                    redirect=False,
                    preload_content=False,
                )
        with response:
            most = MAX_BYTES if response.status == HTTPStatus.OK else _MAX_ERROR_BYTES
            return response.status, response.headers, _read_body(response, most)


def _read_body(response: urllib3.BaseHTTPResponse, most: int) -> bytes:
    """Return the unpacked body, or its beginning if it has more than `most` bytes."""
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


def path_segment(value: str) -> str:
    """Return `value` as one segment of a path, with every separator escaped."""
    with suppress(UnicodeEncodeError):
        # Servers resolve `.` and `..` even where they are quoted.
        if value not in {"", ".", ".."}:
            return quote(value, safe="")
    raise AnswerError(f"The project id {value!r} cannot be asked for; report it to dagctl")
