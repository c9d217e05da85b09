"""Waits that take no time."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

if TYPE_CHECKING:
    from collections.abc import Iterator


class FakeTime:
    """A clock that a wait moves on at once.

    Attributes:
        waits: every wait so far, in seconds.
    """

    def __init__(self) -> None:
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return time.monotonic() + sum(self.waits)

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.waits.append(seconds)


@contextmanager
def waiting_at_once() -> Iterator[FakeTime]:
    """Let no wait for another try take any time."""
    clock = FakeTime()
    with patch("tap_dagctl.api.retries.time", clock):
        yield clock
