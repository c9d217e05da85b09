"""How far a long walk is, on stderr, about every ten seconds."""

from __future__ import annotations

import logging
import time

SECONDS_BETWEEN_REPORTS = 10.0

logger = logging.getLogger("tap-dagctl.progress")


class Progress:
    """Reports one walk; a short one reports nothing."""

    def __init__(self, title: str) -> None:
        """Start the clock of a walk called `title`."""
        self._title = title
        self._began = self._reported = time.monotonic()

    def report(self, *, page: int, pages: int, rows: int) -> None:
        """Say how far the walk is, unless it said so less than ten seconds ago.

        Args:
            page: pages read so far.
            pages: pages there are, by the latest answer.
            rows: rows read so far.
        """
        now = time.monotonic()
        if now - self._reported < SECONDS_BETWEEN_REPORTS or page >= pages:
            return
        self._reported = now
        elapsed = now - self._began
        logger.info(
            "%s: page %d of %d, %d rows, %.0f rows/s, about %.0f s left",
            self._title,
            page,
            pages,
            rows,
            rows / elapsed,
            elapsed / page * (pages - page),
        )
