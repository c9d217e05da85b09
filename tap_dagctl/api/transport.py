"""The connections to the API: their proxy, their certificates, and a deadline for each answer.

The timeout of a connection is for one part of an answer. A server that sends a byte now and then,
or one `100 Continue` after another, would hold the tap for ever. A deadline is for the whole
answer: when its time is up, the connection is shut down.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from typing_extensions import Self, override
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urllib3 import HTTPConnectionPool, HTTPResponse

_this_thread = threading.local()
_running: set[Deadline] = set()
_watching = threading.Lock()
_STEP_SECONDS = 0.25
"""How late a deadline may end an answer."""


class Deadline:
    """Ends an answer that the thread of its `with` block is still reading when the time is up.

    Attributes:
        at: when the time is up, by the monotonic clock.
        passed: whether the time is up.
    """

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self.at = time.monotonic() + seconds
        self._socket: object = None

    def __enter__(self) -> Self:
        _this_thread.deadline = self
        _running.add(self)
        # One thread for all deadlines, until the program ends: a timer each is a thread each.
        if _watching.acquire(blocking=False):
            try:
                threading.Thread(target=_expire_deadlines, name="deadlines", daemon=True).start()
            except RuntimeError:
                # There may be one later. Until then each part of an answer has its timeout.
                _watching.release()
        return self

    def __exit__(self, *_: object) -> None:
        _running.discard(self)
        _this_thread.deadline = None

    def watch(self, connected: object) -> None:
        """Take the socket from which the answer is going to be read."""
        self._socket = connected
        if self.passed:
            self.expire()

    def expire(self) -> None:
        """Shut the socket down."""
        self.passed = True
        if isinstance(self._socket, socket.socket):
            # Not `self._socket.shutdown`: with TLS it drops the encryption, and another thread
            # that reads would go on in plain text.
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _expire_deadlines() -> None:
    while True:
        time.sleep(_STEP_SECONDS)
        now = time.monotonic()
        for deadline in _running.copy():
            if deadline.at < now:
                deadline.expire()


class StaleConnectionError(ProtocolError):
    """The server closed a connection after its last answer, as it may at any time.

    So the request was most likely never read, and can be sent again on another connection.
    """


class _WatchedConnection(HTTPConnection):
    """Hands its socket to the deadline of the thread, and tells when it was closed meanwhile."""

    _has_answered = False

    @override
    def connect(self) -> None:
        self._has_answered = False
        super().connect()

    @override
    def request(self, *args: Any, **kwargs: Any) -> None:
        with self._stale_if_closed(None):
            super().request(*args, **kwargs)

    @override
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        deadline: Deadline | None = getattr(_this_thread, "deadline", None)
        if deadline is not None:
            deadline.watch(self.sock)
        with self._stale_if_closed(deadline):
            response = super().getresponse()
        self._has_answered = True
        return response

    @contextmanager
    def _stale_if_closed(self, deadline: Deadline | None) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # of TLS as well
            is_late = isinstance(error, TimeoutError) or (deadline and deadline.passed)
            if self._has_answered and not is_late:
                raise StaleConnectionError(str(error)) from error
            raise


def connection_pool(url: str, size: int) -> HTTPConnectionPool:
    """Return connections to the host of `url`, with proxy and TLS as the environment says.

    The library requests reads the environment variables and makes the pool. The tap then sends its
    requests through the pool alone. That takes a third of the time, follows no redirect, keeps no
    cookie, and never replaces the token by an entry of a netrc file.

    Args:
        url: where the API is.
        size: how many connections to keep open.

    Raises:
        OSError: a file of certificates that the environment names is missing; or, as a
            `RequestException` of requests, the URL or the proxy's cannot be used.
    """
    environment: dict[str, Any] = {}
    if urlsplit(url).scheme == "https":
        # Plain http is for loopback only, and a proxy would get the token unencrypted.
        environment = dict(
            requests.Session().merge_environment_settings(
                url, {}, stream=None, verify=None, cert=None
            )
        )
    adapter = HTTPAdapter(pool_maxsize=size)
    request = requests.Request("GET", url).prepare()
    verify, cert = environment.get("verify", True), environment.get("cert")
    pool = cast(
        "HTTPConnectionPool",
        adapter.get_connection_with_tls_context(
            request, verify, proxies=environment.get("proxies"), cert=cert
        ),
    )
    adapter.cert_verify(pool, url, verify, cert)  # type: ignore[no-untyped-call]  # in its stubs
    pool.ConnectionCls = type("Watched", (_WatchedConnection, pool.ConnectionCls), {})
    return pool


def proxy_variable(url: str) -> str | None:
    """Return the variable of the environment that names the proxy for `url`; None without one."""
    proxy = select_proxy(url, get_environ_proxies(url))
    names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    return next((name for name in names if proxy and os.environ.get(name) == proxy), None)
