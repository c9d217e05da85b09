"""One read of statistics: the days that late runs may still have changed, and the new ones."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from tap_dagctl import timestamps
from tap_dagctl.state.sent_records import SentRecords

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_dagctl.settings import Settings
    from tap_dagctl.state.bookmark import Bookmark

# Windows are counted from a fixed Monday, so that every machine and every sync cuts time at the
# same places: percentiles of shifted windows could never be compared, or replaced by a later read.
FIRST_WINDOW = date(1970, 1, 5)

DEFAULT_DAYS = 30
"""Days of statistics a first sync reads without `start_date`: the API's own default of `days`."""

_DAY = 86_400 * timestamps.NANOSECONDS

logger = logging.getLogger("tap-dagctl.statistics")


def is_day(text: str) -> bool:
    """Whether `text` is a day as the API writes one, `YYYY-MM-DD`."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@dataclass(frozen=True)
class Window:
    """A range of days, both included."""

    start: date
    end: date


def windows(first: date, today: date, length: int) -> Iterator[Window]:
    """Yield the windows of `length` days from the one that holds `first` to the one of `today`."""
    start = FIRST_WINDOW + timedelta(days=(first - FIRST_WINDOW).days // length * length)
    while start <= today:
        yield Window(start, start + timedelta(days=length - 1))
        start += timedelta(days=length)


@dataclass(frozen=True)
class Wanted:
    """Which days the settings ask for.

    Attributes:
        today: the day by the server's clock.
        start: `start_date`.
        lookback: `stats_lookback_days`: so many days before today may still change.
        window_days: length of the windows, in days.
        created: the day before which there is nothing, if it is known.
    """

    today: date
    start: date | None
    lookback: int
    window_days: int | None = None
    created: date | None = None

    @property
    def asked_first(self) -> date:
        """The first day that the settings ask for, at the latest today."""
        first = self.start or self.today - timedelta(days=DEFAULT_DAYS - 1)
        return min(max(first, FIRST_WINDOW), self.today)

    @property
    def first(self) -> date:
        """The first day there can be anything to read, at the latest today."""
        if self.created is None or self.created > self.today:  # which no project can be
            return self.asked_first
        return max(self.asked_first, self.created)

    def changing(self, last_read: date) -> date:
        """Return the first day that may have changed since statistics were read on a day."""
        return max(last_read - timedelta(days=self.lookback), FIRST_WINDOW)


@dataclass(frozen=True)
class Reach:
    """Which days a sync must read.

    Attributes:
        first: the first of them; the last is today.
        start: since when every day has been read once the sync is complete.
        already_read: from which day up to which, the last not included, an earlier sync has read
            what does not change any more.
    """

    first: date
    start: date
    already_read: tuple[date, date] | None = None

    def has(self, last: date) -> bool:
        """Whether statistics that end with the day `last` need not be read again."""
        return self.already_read is not None and self.already_read[0] <= last < self.already_read[1]


def first_reach(wanted: Wanted) -> Reach:
    """Return what a sync reads that knows of none before it."""
    return Reach(wanted.first, wanted.first)


def next_reach(
    wanted: Wanted, bookmark: date, history: date | None, *, of_other_windows: bool = False
) -> Reach:
    """Return what a sync reads after one that was complete.

    Args:
        wanted: what the settings ask for.
        bookmark: the day of that sync, or one in the future by no more than the look-back.
        history: the first day that has been read, if the state says it.
        of_other_windows: whether it was read in windows of another length.
    """
    last_read = min(bookmark, wanted.today)
    if wanted.start is not None and wanted.asked_first > last_read + timedelta(days=1):
        # The days between are not wanted, so a new history begins.
        return first_reach(wanted)
    changing = wanted.changing(last_read)
    if history is None:
        history = wanted.first if wanted.start else min(wanted.first, changing)
    again = max(changing, history)
    if of_other_windows:
        first = wanted.first if wanted.start else min(wanted.first, again)
        return Reach(first, first)
    first = wanted.first if wanted.first < history else again
    return Reach(first, min(first, history), (history, changing))


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
        last_day: the field that holds a row's last day.
    """
    if _lies_in_the_future(bookmark, wanted):
        logger.warning(
            "%s: the bookmark lies in the server's future, so it is dropped and the statistics "
            "are read as for the first time",
            bookmark.title,
        )
        bookmark.forget()
    reach = reach_of(bookmark, wanted)
    changing = wanted.changing(wanted.today)
    sent = SentRecords(keys, bookmark.sent)
    for rows in rows_of(reach):
        changed = []
        for row in rows:
            day = date.fromisoformat(row[last_day])
            if not reach.has(day):
                if row not in sent:
                    changed.append(row)
                sent.mark_sent(row, remember=day >= changing)
        yield changed
    bookmark.complete(
        _instant(wanted.today),
        _instant(reach.start),
        sent.remembered,
        wanted.today.isoformat(),
        wanted.window_days,
    )


def wanted_of(
    settings: Settings, today: date, window_days: int | None, created_at: object = None
) -> Wanted:
    """Return what `settings` ask for of a project on the server's day `today`."""
    try:
        # Whatever time zone the server's days are in, none begins more than a day earlier.
        created = _day(timestamps.parse(created_at) - _DAY)
    except (ValueError, OverflowError):
        created = None
    return Wanted(today, _day(settings.start), settings.stats_lookback_days, window_days, created)


def reach_of(bookmark: Bookmark, wanted: Wanted) -> Reach:
    """Return what a sync reads from `bookmark` on."""
    day = _day(bookmark.value)
    if day is None or _lies_in_the_future(bookmark, wanted):
        return first_reach(wanted)
    other_windows = bookmark.window_days not in {None, wanted.window_days}
    return next_reach(wanted, day, _day(bookmark.start(None)), of_other_windows=other_windows)


def _lies_in_the_future(bookmark: Bookmark, wanted: Wanted) -> bool:
    day = _day(bookmark.value)
    return day is not None and wanted.changing(day) > wanted.today


def _day(instant: int | None) -> date | None:
    return None if instant is None else max(timestamps.day_of(instant), FIRST_WINDOW)


def _instant(day: date) -> int:
    return timestamps.parse_setting(day.isoformat())
