"""Reads statistics: new days, and those that late runs may still have changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

from tap_dagctl import timestamps
from tap_dagctl.settings import Settings
from tap_dagctl.state.bookmark import Bookmark
from tap_dagctl.state.sent_records import SentRecords

# Windows are counted from a fixed Monday, so that every sync has the same ones. Otherwise a later
# read could neither be compared with an earlier one nor replace it.
FIRST_WINDOW = date(1970, 1, 5)

# Days that a first sync reads without `start_date`: the API's default for `days`.
DEFAULT_DAYS = 30

_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Days:
    """The days that a sync must read: from `first` to `today`, which is the server's.

    Once it is complete, every day since `start` has been read, and those from `changing` on may
    still change. What does not change any more has been `already_read` by an earlier sync, from a
    day up to another one, that not included. A bookmark that `is_ahead` is in the server's future.
    """

    today: date
    window_days: int | None
    changing: date
    first: date
    start: date
    already_read: tuple[date, date] | None = None
    is_ahead: bool = False

    def is_read(self, day: date) -> bool:
        """Return whether statistics that end on `day` were read and cannot change any more."""
        return self.already_read is not None and self.already_read[0] <= day < self.already_read[1]

    def windows(self, length: int) -> Iterator[tuple[date, date]]:
        """Yield the first and the last day of each window that must be read."""
        start = FIRST_WINDOW + (self.first - FIRST_WINDOW).days // length * length * _DAY
        while start <= self.today:
            end = start + (length - 1) * _DAY
            if not self.is_read(end):
                yield start, end
            start += length * _DAY


def days_to_read(
    settings: Settings,
    today: date,
    bookmark: Bookmark,
    *,
    window_days: int | None = None,
    created_at: object = None,
) -> Days:
    """Return what a sync reads of a project, of which there is nothing before `created_at`."""
    start, lookback = _day(settings.start_date), settings.stats_lookback_days * _DAY
    wanted = min(max(start or today - (DEFAULT_DAYS - 1) * _DAY, FIRST_WINDOW), today)
    first = max(wanted, _first_day(created_at, today))
    changing = max(today - lookback, FIRST_WINDOW)
    days = partial(Days, today=today, window_days=window_days, changing=changing)
    bookmarked = _day(bookmark.value)
    if bookmarked is None:
        return days(first=first, start=first)
    if bookmarked - lookback > today:
        return days(first=first, start=first, is_ahead=True)
    last_read = min(bookmarked, today)
    if start is not None and wanted > last_read + _DAY:
        # The days between are not wanted, so a new history begins.
        return days(first=first, start=first)
    was_changing = max(last_read - lookback, FIRST_WINDOW)
    history = _day(bookmark.start(None))
    if history is None:
        history = first if start else min(first, was_changing)
    again = max(was_changing, history)
    if bookmark.window_days not in {None, window_days}:
        first = first if start else min(first, again)
        return days(first=first, start=first)
    first = first if first < history else again
    return days(first=first, start=min(first, history), already_read=(history, was_changing))


def changed_statistics(
    answers: Iterable[list[dict[str, Any]]],
    days: Days,
    bookmark: Bookmark,
    keys: Sequence[str],
) -> Iterator[list[dict[str, Any]]]:
    """Yield the statistics of `days` that are new or have changed; then advance the bookmark.

    They come answer by answer. A row's key are the fields `keys`; its replication key is its last
    day.
    """
    if days.is_ahead:
        bookmark.drop("the statistics are read as for the first time")
    sent = SentRecords(keys, bookmark.sent)
    for rows in answers:
        changed = []
        for row in rows:
            day = date.fromisoformat(row[bookmark.replication_key])
            if not days.is_read(day):
                if row not in sent:
                    changed.append(row)
                sent.mark_sent(row, remember=day >= days.changing)
        yield changed
    start = timestamps.parse_setting(f"{days.start}")
    bookmark.complete(f"{days.today}", start, sent.remembered, window_days=days.window_days)


def _day(instant: int | None) -> date | None:
    return None if instant is None else max(timestamps.day_of(instant), FIRST_WINDOW)


def _first_day(created_at: object, today: date) -> date:
    """Return the first day there can be anything of a project."""
    try:
        # In no time zone does the server's day begin more than a day earlier.
        day = timestamps.day_of(timestamps.parse(created_at) - timestamps.DAY)
    except (ValueError, OverflowError):
        return FIRST_WINDOW
    return FIRST_WINDOW if day > today else day  # no project is made in the future
