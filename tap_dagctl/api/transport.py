"""The connections to the API: through which proxy, with whose trust, each answer with an end.

The timeout of a connection bounds each wait for a part of an answer, so a server that sends a byte
now and then, or one `100 Continue` after another, would hold the tap for ever. A deadline shuts
the connection down when its time is up, wherever in the answer that is.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from typing_extensions import Self, override
from urllib3.connection import HTTPConnection

if TYPE_CHECKING:
    from urllib3 import HTTPConnectionPool, HTTPResponse

_of_thread = threading.local()
_running: set[Deadline] = set()
_watching = threading.Lock()
_STEP_SECONDS = 0.25
"""How late a deadline may be."""


class Deadline:
    """Ends, when its time is up, what its thread reads from a server within the `with` block.

    Attributes:
        passed: whether the time was up.
    """

    def __init__(self, seconds: float) -> None:
        """Prepare it; the time runs from now on."""
        self.passed = False
        self.at = time.monotonic() + seconds
        self._socket: object = None

    def __enter__(self) -> Self:
        _of_thread.deadline = self
        _running.add(self)
        # One for all of them, as long as the program runs: a timer each costs a thread each.
        if _watching.acquire(blocking=False):
            threading.Thread(target=_watch, name="deadlines", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        _running.discard(self)
        _of_thread.deadline = None

    def holds_for(self, connected: object) -> None:
        """Take the socket an answer is about to be read from."""
        self._socket = connected
        if self.passed:
            self.let_pass()

    def let_pass(self) -> None:
        """Shut down what is read from."""
        self.passed = True
        if isinstance(self._socket, socket.socket):
            # Not its own `shutdown`: with TLS that goes on without TLS, while another thread reads.
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _watch() -> None:
    while True:
        time.sleep(_STEP_SECONDS)
        now = time.monotonic()
        for deadline in _running.copy():
            if deadline.at < now:
                deadline.let_pass()


class _WatchedConnection(HTTPConnection):
    """Tells the deadline of its thread which socket an answer is read from."""

    @override
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        deadline: Deadline | None = getattr(_of_thread, "deadline", None)
        if deadline is not None:
            deadline.holds_for(self.sock)
        return super().getresponse()


def connections(url: str, most: int) -> HTTPConnectionPool:
    """Return connections to the host of `url`, with what the surroundings say of proxies and trust.

    What those say is for requests to find out. For the requests themselves its pool is enough: it
    takes a third of the time for each, and follows no redirect, keeps no cookie, and puts no entry
    of a netrc in the place of the token.

    Args:
        url: where the API is.
        most: connections to keep.

    Raises:
        OSError: the certificates that the surroundings name are not there; or, as a
            `RequestException` of requests, the URL or the proxy's cannot be used.
    """
    surroundings: dict[str, Any] = {}
    if urlsplit(url).scheme == "https":
        # This machine's loopback is no proxy's business: the token would reach it unencrypted.
        surroundings = dict(
            requests.Session().merge_environment_settings(
                url, {}, stream=None, verify=None, cert=None
            )
        )
    adapter = HTTPAdapter(pool_maxsize=most)
    request = requests.Request("GET", url).prepare()
    verify, cert = surroundings.get("verify", True), surroundings.get("cert")
    pool = cast(
        "HTTPConnectionPool",
        adapter.get_connection_with_tls_context(
            request, verify, proxies=surroundings.get("proxies"), cert=cert
        ),
    )
    adapter.cert_verify(pool, url, verify, cert)  # type: ignore[no-untyped-call]  # in its stubs
    pool.ConnectionCls = type("Watched", (_WatchedConnection, pool.ConnectionCls), {})
    return pool
