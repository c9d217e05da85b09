"""How far something long is, on stderr, about every ten seconds."""

from __future__ import annotations

import logging
import time

from typing_extensions import override

SECONDS_BETWEEN_REPORTS = 10.0

logger = logging.getLogger("tap-dagctl.progress")


class Progress:
    """Reports what takes long; what is over soon reports nothing."""

    def __init__(self, title: str, first: int = 0) -> None:
        """Start the clock.

        Args:
            title: what messages call it.
            first: how much had been done before.
        """
        self._title = title
        self._began = self._reported = time.monotonic()
        self._first = first

    def report(self, done: int, total: int) -> None:
        """Say how far it is, unless it said so less than ten seconds ago."""
        now = time.monotonic()
        if now - self._reported < SECONDS_BETWEEN_REPORTS or done >= total:
            return
        self._reported = now
        speed = (done - self._first) / (now - self._began)
        left = (total - done) / speed if speed else 0.0
        logger.info("%s: %s, about %.0f s left", self._title, self.text(done, total, speed), left)

    def text(self, done: int, total: int, speed: float) -> str:
        """Return how far it is, in words.

        Args:
            done: how much has been done.
            total: how much there is, by what is known now.
            speed: how much a second.
        """
        del speed
        return f"{done} of {total}"


class WalkProgress(Progress):
    """Reports a walk over rows."""

    def __init__(self, title: str, page_size: int, first: int = 0) -> None:
        super().__init__(title, first)
        self._page_size = page_size

    @override
    def text(self, done: int, total: int, speed: float) -> str:
        page, pages = -(-done // self._page_size), -(-total // self._page_size)
        return f"page {page} of {pages}, {done} rows, {speed:.0f} rows/s"
