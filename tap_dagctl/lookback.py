"""One read of statistics: the days that late runs may still have changed, and the new ones."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tap_dagctl import days, timestamps
from tap_dagctl.sent import Sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date

    from tap_dagctl.bookmark import Bookmark
    from tap_dagctl.settings import Settings

logger = logging.getLogger("tap-dagctl.lookback")


def changed_statistics(
    rows_since: Callable[[date], Iterator[list[dict[str, Any]]]],
    bookmark: Bookmark,
    settings: Settings,
    today: date,
    keys: Sequence[str],
) -> Iterator[list[dict[str, Any]]]:
    """Yield the statistics that are new or have changed; then advance the bookmark to `today`.

    Args:
        rows_since: reads the statistics from a day on, answer by answer.
        bookmark: of the stream and project.
        settings: for `start_date` and the look-back.
        today: the server's day.
        keys: the fields that make a row's key.
    """
    lookback = settings.stats_lookback_days
    until, start, history = map(_day, (bookmark.value, settings.start, bookmark.start(None)))
    if until is not None and until - timedelta(days=lookback) > today:
        logger.warning(
            "%s: the bookmark lies in the server's future, so it is dropped and the statistics "
            "are read as for the first time",
            bookmark.title,
        )
        bookmark.forget()
        until = history = None
    first = days.first_day(until, start, lookback, today, history)
    sent = Sent(keys, bookmark.sent)
    for rows in rows_since(first):
        changed = []
        for row in rows:
            if row not in sent:
                changed.append(row)
            sent.took(row, remember=True)
        yield changed
    if history is None or first < history or (until is not None and first > until):
        history = first
    bookmark.complete(_instant(today), _instant(history), sent.remembered, today.isoformat())


def _day(instant: int | None) -> date | None:
    return None if instant is None else max(timestamps.day_of(instant), days.FIRST_WINDOW)


def _instant(day: date) -> int:
    return timestamps.parse_setting(day.isoformat())
