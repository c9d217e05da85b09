"""An end for every answer, however slowly it trickles in.

The timeout of `requests` bounds each wait for a part of an answer, so a server that sends a byte
now and then, or one `100 Continue` after another, would hold the tap for ever. A deadline shuts
the connection down when its time is up, wherever in the answer that is.
"""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if sys.version_info >= (3, 11):
    from typing import Self
else:
    from typing_extensions import Self

if TYPE_CHECKING:
    from urllib3 import HTTPResponse, PoolManager

_of_thread = threading.local()


class Deadline:
    """Ends, when its time is up, what its thread reads from a server within the `with` block.

    Attributes:
        passed: whether the time was up.
    """

    def __init__(self, seconds: float) -> None:
        """Prepare it; the time runs from the beginning of the `with` block."""
        self.passed = False
        self._socket: object = None
        self._timer = threading.Timer(seconds, self._pass)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        _of_thread.deadline = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        _of_thread.deadline = None

    def holds_for(self, connected: object) -> None:
        """Take the socket an answer is about to be read from."""
        self._socket = connected
        if self.passed:
            self._pass()

    def _pass(self) -> None:
        self.passed = True
        if isinstance(self._socket, socket.socket):
            # Not its own `shutdown`: with TLS that goes on without TLS, while another thread reads.
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _Connection(HTTPConnection):
    """Tells the deadline of the thread which socket it reads from."""

    @override
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        deadline = getattr(_of_thread, "deadline", None)
        if deadline is not None:
            deadline.holds_for(self.sock)
        return super().getresponse()


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class DeadlineAdapter(HTTPAdapter):
    """Makes connections that keep to the deadline, with a proxy and without."""

    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _watch(self.poolmanager)

    @override
    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(*args, **kwargs)
        _watch(manager)
        return manager


def _watch(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
