"""An end for every answer, however slowly it trickles in.

The timeout of a connection bounds each wait for a part of an answer, so a server that sends a byte
now and then, or one `100 Continue` after another, would hold the tap for ever. A deadline shuts
the connection down when its time is up, wherever in the answer that is.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from contextlib import suppress

if sys.version_info >= (3, 11):
    from typing import Self
else:
    from typing_extensions import Self

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


def of_this_thread() -> Deadline | None:
    """Return the deadline within whose `with` block this is called."""
    return getattr(_of_thread, "deadline", None)
