"""How far a long walk is, on stderr, about every ten seconds."""

from __future__ import annotations

import logging
import time

SECONDS_BETWEEN_REPORTS = 10.0

logger = logging.getLogger("tap-dagctl.progress")


class Progress:
    """Reports one walk; a short one reports nothing."""

    def __init__(self, title: str, page_size: int, first: int = 0) -> None:
        """Start the clock of a walk called `title`, in pages of `page_size` rows from `first`."""
        self._title = title
        self._page_size = page_size
        self._began = self._reported = time.monotonic()
        self._first = first

    def report(self, *, rows: int, total: int) -> None:
        """Say how far the walk is, unless it said so less than ten seconds ago.

        Args:
            rows: rows of the list that have been read.
            total: rows there are, by the latest answer.
        """
        now = time.monotonic()
        if now - self._reported < SECONDS_BETWEEN_REPORTS or rows >= total:
            return
        self._reported = now
        speed = (rows - self._first) / (now - self._began)
        logger.info(
            "%s: page %d of %d, %d rows, %.0f rows/s, about %.0f s left",
            self._title,
            -(-rows // self._page_size),
            -(-total // self._page_size),
            rows,
            speed,
            (total - rows) / speed if speed else 0,
        )
