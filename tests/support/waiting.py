"""Waits that take no time."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest.mock import Mock, patch

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def waiting_at_once() -> Iterator[Mock]:
    """Let no wait for another try take any time; the clock has all `waits` so far, in seconds."""
    waits: list[float] = []
    clock = Mock(waits=waits)
    clock.monotonic = lambda: time.monotonic() + sum(waits)
    clock.sleep = lambda seconds: waits.append(seconds) if seconds > 0 else None
    with patch("tap_dagctl.api.retries.time", clock):
        yield clock
