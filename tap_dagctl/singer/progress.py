"""How far something long is, on stderr, about every ten seconds."""

from __future__ import annotations

import logging
import time

SECONDS_BETWEEN_REPORTS = 10.0

logger = logging.getLogger("tap-dagctl.progress")


class Progress:
    """Reports what takes long; `page_size` is given where rows are counted."""

    def __init__(self, title: str, page_size: int | None = None) -> None:
        self._title, self._page_size = title, page_size
        self._started = self._reported = time.monotonic()
        self._first: int | None = None

    def report(self, done: int, total: int) -> None:
        """Say how far it is, unless it said so less than ten seconds ago."""
        self._first = done if self._first is None else self._first
        now = time.monotonic()
        if now - self._reported < SECONDS_BETWEEN_REPORTS or done >= total:
            return
        self._reported = now
        speed = (done - self._first) / (now - self._started)
        text = f"{done} of {total}"
        if self._page_size is not None:
            page, pages = -(-done // self._page_size), -(-total // self._page_size)
            text = f"page {page} of {pages}, {done} rows, {speed:.0f} rows/s"
        left = (total - done) / speed if speed else 0.0
        logger.info("%s: %s, about %.0f s left", self._title, text, left)
