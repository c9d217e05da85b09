"""One read of statistics: the days that late runs may still have changed, and the new ones."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

from tap_dagctl import timestamps
from tap_dagctl.settings import Settings
from tap_dagctl.state.bookmark import Bookmark
from tap_dagctl.state.sent_records import SentRecords

# Windows are counted from a fixed Monday, so that every machine and every sync cuts time at the
# same places: percentiles of shifted windows could never be compared, or replaced by a later read.
FIRST_WINDOW = date(1970, 1, 5)

# Days of statistics a first sync reads without `start_date`: the API's own default of `days`.
DEFAULT_DAYS = 30

_DAY = timedelta(days=1)

logger = logging.getLogger("tap-dagctl.statistics")


class Window(NamedTuple):
    """A range of days, both included."""

    start: date
    end: date


def windows(first: date, today: date, length: int) -> Iterator[Window]:
    """Yield the windows of `length` days from the one that holds `first` to the one of `today`."""
    start = FIRST_WINDOW + (first - FIRST_WINDOW).days // length * length * _DAY
    while start <= today:
        yield Window(start, start + (length - 1) * _DAY)
        start += length * _DAY


@dataclass(frozen=True)
class DaySettings:
    """The settings about days, for one project on the day `today` by the server's clock.

    So many days before today as `lookback` may still change. There is nothing before `created`.
    """

    today: date
    start: date | None
    lookback: int
    window_days: int | None = None
    created: date | None = None

    @classmethod
    def of(
        cls, settings: Settings, today: date, window_days: int | None, created_at: object = None
    ) -> DaySettings:
        try:
            # Whatever time zone the server's days are in, none begins more than a day earlier.
            created = _day(timestamps.parse(created_at) - timestamps.DAY)
        except (ValueError, OverflowError):
            created = None
        start, lookback = _day(settings.start_date), settings.stats_lookback_days
        return cls(today, start, lookback, window_days, created)

    @property
    def start_or_default(self) -> date:
        """The first day that the settings ask for, at the latest today."""
        first = self.start or self.today - (DEFAULT_DAYS - 1) * _DAY
        return min(max(first, FIRST_WINDOW), self.today)

    @property
    def first(self) -> date:
        """The first day there can be anything to read, at the latest today."""
        if self.created is None or self.created > self.today:  # which no project can be
            return self.start_or_default
        return max(self.start_or_default, self.created)

    def first_changing(self, last_read: date) -> date:
        """Return the first day that may have changed since statistics were read on a day."""
        return max(last_read - self.lookback * _DAY, FIRST_WINDOW)


@dataclass(frozen=True)
class DayRange:
    """The days that a sync must read: from `first` to today.

    Once it is complete, every day since `start` has been read. What does not change any more has
    been `already_read` by an earlier sync, from a day up to another one, that not included.
    """

    first: date
    start: date
    already_read: tuple[date, date] | None = None

    def is_read(self, day: date) -> bool:
        """Return whether statistics that end with `day` need not be read again."""
        return self.already_read is not None and self.already_read[0] <= day < self.already_read[1]


def days_to_read(
    settings: DaySettings,
    bookmark: date | None = None,
    history: date | None = None,
    *,
    of_other_windows: bool = False,
) -> DayRange:
    """Return what a sync reads.

    `bookmark` is the day of the last complete sync, or one in the future by no more than the
    look-back; None before the first. `history` is the first day that has been read, if the state
    says it.
    """
    everything = DayRange(settings.first, settings.first)
    if bookmark is None:
        return everything
    last_read = min(bookmark, settings.today)
    if settings.start is not None and settings.start_or_default > last_read + _DAY:
        return everything  # the days between are not wanted, so a new history begins
    changing = settings.first_changing(last_read)
    if history is None:
        history = settings.first if settings.start else min(settings.first, changing)
    again = max(changing, history)
    if of_other_windows:
        first = settings.first if settings.start else min(settings.first, again)
        return DayRange(first, first)
    first = settings.first if settings.first < history else again
    return DayRange(first, min(first, history), (history, changing))


def days_after(bookmark: Bookmark | None, settings: DaySettings) -> DayRange:
    """Return what a sync reads from a bookmark on, and everything where that lies in the future."""
    day = _day(bookmark.value) if bookmark else None
    if bookmark is None or day is None or settings.first_changing(day) > settings.today:
        return days_to_read(settings)
    of_other_windows = bookmark.window_days not in {None, settings.window_days}
    start = _day(bookmark.start(None))
    return days_to_read(settings, day, start, of_other_windows=of_other_windows)


def changed_statistics(
    rows_of: Callable[[DayRange], Iterator[list[dict[str, Any]]]],
    bookmark: Bookmark,
    settings: DaySettings,
    keys: Sequence[str],
    last_day: str,
) -> Iterator[list[dict[str, Any]]]:
    """Yield the statistics that are new or have changed; then advance the bookmark to today.

    They come answer by answer, of the days that are given to `rows_of`. A row's key are the fields
    `keys`; the field `last_day` holds its last day.
    """
    day = _day(bookmark.value)
    if day is not None and settings.first_changing(day) > settings.today:
        logger.warning(
            "%s: the bookmark lies in the server's future, so it is dropped and the statistics "
            "are read as for the first time",
            bookmark.title,
        )
        bookmark.forget()
    days, changing = days_after(bookmark, settings), settings.first_changing(settings.today)
    sent = SentRecords(keys, bookmark.sent)
    for rows in rows_of(days):
        changed = []
        for row in rows:
            day = date.fromisoformat(row[last_day])
            if not days.is_read(day):
                if row not in sent:
                    changed.append(row)
                sent.mark_sent(row, remember=day >= changing)
        yield changed
    today, start = (timestamps.parse_setting(f"{day}") for day in (settings.today, days.start))
    bookmark.complete(today, start, sent.remembered, f"{settings.today}", settings.window_days)


def _day(instant: int | None) -> date | None:
    return None if instant is None else max(timestamps.day_of(instant), FIRST_WINDOW)
