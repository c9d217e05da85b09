"""Which days the statistics are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Windows are counted from a fixed Monday, so that every machine and every sync cuts time at the
# same places: percentiles of shifted windows could never be compared, or replaced by a later read.
FIRST_WINDOW = date(1970, 1, 5)

DEFAULT_DAYS = 30
"""Days of statistics a first sync reads without `start_date`: the API's own default of `days`."""


def is_day(text: str) -> bool:
    """Whether `text` is a day as the API writes one, `YYYY-MM-DD`."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@dataclass(frozen=True)
class Window:
    """A range of days.

    Attributes:
        start: the first day.
        end: the last day, part of the window.
    """

    start: date
    end: date


def windows(first: date, today: date, length: int) -> Iterator[Window]:
    """Yield the windows of `length` days from the one that holds `first` to the one of `today`."""
    start = FIRST_WINDOW + timedelta(days=(first - FIRST_WINDOW).days // length * length)
    while start <= today:
        yield Window(start, start + timedelta(days=length - 1))
        start += timedelta(days=length)


def first_day(
    bookmark: date | None,
    start: date | None,
    lookback: int,
    today: date,
    history: date | None = None,
) -> date:
    """Return the first day to read.

    Args:
        bookmark: the day the last sync took place, or None before the first.
        start: `start_date`, or None.
        lookback: `stats_lookback_days`: how many closed days late runs may still change.
        today: the server's day. A bookmark or start beyond it reads just today.
        history: the first day that has been read, where known: an earlier `start` is read.
    """
    if bookmark is None:
        first = start or today - timedelta(days=DEFAULT_DAYS - 1)
    elif start is not None and history is not None and start < history:
        first = start
    else:
        first = bookmark - timedelta(days=lookback)
        if start is not None:
            first = max(first, start)
    return min(max(first, FIRST_WINDOW), today)
