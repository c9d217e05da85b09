"""One read of statistics: the days that late runs may still have changed, and the new ones."""

from __future__ import annotations

import logging
from datetime import date
from typing import TYPE_CHECKING, Any

from tap_dagctl import timestamps
from tap_dagctl.days import FIRST_WINDOW, Wanted, first_reach, next_reach
from tap_dagctl.sent import Sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_dagctl.bookmark import Bookmark
    from tap_dagctl.days import Reach
    from tap_dagctl.settings import Settings

logger = logging.getLogger("tap-dagctl.lookback")


def changed_statistics(
    rows_of: Callable[[Reach], Iterator[list[dict[str, Any]]]],
    bookmark: Bookmark,
    wanted: Wanted,
    keys: Sequence[str],
    last_day: str,
) -> Iterator[list[dict[str, Any]]]:
    """Yield the statistics that are new or have changed; then advance the bookmark to today.

    Args:
        rows_of: reads the statistics of some days, answer by answer.
        bookmark: of the stream and project.
        wanted: what the settings ask for.
        keys: the fields that make a row's key.
        last_day: the field that holds the last day a row is over.
    """
    reach = _reach(bookmark, wanted)
    changing = wanted.changing(wanted.today)
    sent = Sent(keys, bookmark.sent)
    for rows in rows_of(reach):
        changed = []
        for row in rows:
            day = date.fromisoformat(row[last_day])
            if not reach.has(day):
                if row not in sent:
                    changed.append(row)
                sent.took(row, remember=day >= changing)
        yield changed
    bookmark.complete(
        _instant(wanted.today),
        _instant(reach.start),
        sent.remembered,
        wanted.today.isoformat(),
        wanted.window_days,
    )


def wanted_of(settings: Settings, today: date, window_days: int | None) -> Wanted:
    """Return what `settings` ask for on the server's day `today`."""
    return Wanted(today, _day(settings.start), settings.stats_lookback_days, window_days)


def _reach(bookmark: Bookmark, wanted: Wanted) -> Reach:
    day = _day(bookmark.value)
    if day is not None and wanted.changing(day) > wanted.today:
        logger.warning(
            "%s: the bookmark lies in the server's future, so it is dropped and the statistics "
            "are read as for the first time",
            bookmark.title,
        )
        bookmark.forget()
        day = None
    if day is None:
        return first_reach(wanted)
    other_windows = bookmark.window_days not in {None, wanted.window_days}
    return next_reach(wanted, day, _day(bookmark.start(None)), of_other_windows=other_windows)


def _day(instant: int | None) -> date | None:
    return None if instant is None else max(timestamps.day_of(instant), FIRST_WINDOW)


def _instant(day: date) -> int:
    return timestamps.parse_setting(day.isoformat())
