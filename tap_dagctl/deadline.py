"""An end for every answer, however slowly it trickles in.

The timeout of a connection bounds each wait for a part of an answer, so a server that sends a byte
now and then, or one `100 Continue` after another, would hold the tap for ever. A deadline shuts
the connection down when its time is up, wherever in the answer that is.
"""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress

if sys.version_info >= (3, 11):
    from typing import Self
else:
    from typing_extensions import Self

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


def of_this_thread() -> Deadline | None:
    """Return the deadline within whose `with` block this is called."""
    return getattr(_of_thread, "deadline", None)
