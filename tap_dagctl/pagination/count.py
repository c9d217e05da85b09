"""Compares the rows that have come with those that the server counts.

The walk reads a list once; if rows are missing, loops read it again. Each of these is a reading.
The list is complete if, for one reading, every row that was counted when it began has come, in it
or in a later one. So rows that are deleted or inserted meanwhile do not make up for missing ones.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter

from tap_dagctl import timestamps
from tap_dagctl.pagination.page import Page
from tap_dagctl.records.record import Row, known_fields

# The hashes of ids are split into this many parts, so that counting distinct ones needs little
# memory.
_PARTS = 16


@dataclass
class _Reading:
    """The walk, or a loop over all pages."""

    # How many rows the list had when the reading began, and when that was. None before the first
    # usable answer, and `counted_at` also if the server tells no time.
    counted: int | None = None
    counted_at: str | None = None
    # The highest count of its answers, and whether a count was lower than the one before.
    highest: int = 0
    has_fallen: bool = False
    # How many ids this reading was the last to show.
    rows: int = 0


class RowCount:
    """Counts the rows of a list, at 8 bytes a row, and compares them with the server's count."""

    def __init__(self, updated_after: str | None, expected: int, surplus: int) -> None:
        """Count all rows of a list, or those updated after an instant.

        An earlier sync counted `expected` rows and did not get all of them. The server is known to
        count `surplus` rows that it never shows.
        """
        self._updated_after, self._expected, self._surplus = updated_after, expected, surplus
        self.before = 0
        self._readings = [_Reading()]
        # Rows of the list by the last answer that had rows; None before the first answer.
        self._last: int | None = None
        # The ids that came. After `recognise_all`, `_shown_in` has them, with the last reading that
        # showed each.
        self._ids = [array("q") for _ in range(_PARTS)]
        self._shown_in: dict[int, int] = {}
        # Ids that entered the list after the walk began: when, and in which reading they came.
        self._came_later: dict[int, tuple[str, int]] = {}

    def __len__(self) -> int:
        """Return how many rows have come that were counted when the walk began."""
        came = len(self._shown_in) + sum(map(len, self._ids))
        return self.before + came - len(self._came_later)

    @property
    def total(self) -> int:
        """How many rows there were when the walk began."""
        return max(self._readings[0].counted or 0, self._expected)

    @property
    def needed(self) -> int:
        """How many of these rows the server still counts."""
        return max(min(self.total, self._last or 0), self._expected)

    @property
    def excess(self) -> int:
        """How many more rows came than the server counted."""
        return max(0, self._different(0) - len(self._came_later) - self.total)

    def resume(self, came: int, total: int, counted_at: str | None) -> None:
        """Resume an interrupted walk, to which `came` of `total` rows had come."""
        self._readings[0], self.before = _Reading(total, counted_at, total), came

    def begin_loop(self) -> None:
        self.recognise_all()
        # What came before an interruption comes again.
        self.before = 0
        self._readings.append(_Reading())

    def recognise_all(self) -> None:
        """From now on, recognise every row again. This takes about 100 bytes more per row."""
        if self._ids:
            self._shown_in = dict.fromkeys(chain.from_iterable(self._ids), 0)
            self._readings[0].rows = len(self._shown_in)
            self._ids = []

    def add(self, page: Page, new: Sequence[Row]) -> set[str]:
        """Count the `new` rows of a page; return the ids known from before, if recognised."""
        is_first_page, known = self._last is None, set[str]()
        self._note_total(page)
        if self._ids:
            appends = [ids.append for ids in self._ids]
            for key in map(hash, map(itemgetter(0), new)):
                appends[key % _PARTS](key)
        else:
            known = {row[0] for row in new if hash(row[0]) in self._shown_in}
            new = [row for row in new if row[0] not in known]
            self._show(page)
        counted_at = self._readings[0].counted_at
        # The rows of the first page existed when the walk began, whatever their `updated_at`.
        if counted_at is not None and not is_first_page:
            for row in new:
                if row[1] > counted_at and (since := self._listed_since(row)) > counted_at:
                    self._came_later[hash(row[0])] = since, len(self._readings) - 1
        return known

    def missing(self) -> int:
        """Return how many rows are missing, by the reading that misses the fewest."""
        return max(0, min(map(self._missing_since, range(len(self._readings)))))

    def _note_total(self, page: Page) -> None:
        reading, counted = self._readings[-1], page.total - self._surplus
        is_walk = len(self._readings) == 1
        if reading.counted is None and (page.rows or is_walk):
            reading.counted = counted
            if page.answer.server_time is not None:
                # The server's time has whole seconds.
                moment = page.answer.server_time + timestamps.NANOSECONDS
                reading.counted_at = timestamps.render(moment)
        if page.rows or not len(self):
            # Ignore a count of 0 once rows have come.
            reading.has_fallen |= self._last is not None and counted < self._last
            reading.highest = max(reading.highest, counted)
            self._last = counted

    def _show(self, page: Page) -> None:
        for key in map(hash, map(itemgetter(0), page.rows)):
            if key in self._shown_in:
                self._readings[self._shown_in[key]].rows -= 1
            self._readings[-1].rows += 1
            self._shown_in[key] = len(self._readings) - 1

    def _missing_since(self, number: int) -> int:
        reading = self._readings[number]
        if reading.counted is None:
            return max(self.total, 1)
        came, counted_at = self._different(number), reading.counted_at
        later = sum(
            seen_in >= number and counted_at is not None and since > counted_at
            for since, seen_in in self._came_later.values()
        )
        missing = max(reading.counted, self._expected) - (came - later)
        # A walk need not see rows inserted behind it, but a repeated loop sees them. And if the
        # count has fallen, deleted rows must not make up for missing ones.
        if number or reading.has_fallen or counted_at is None:
            missing = max(missing, reading.highest - came)
        return missing

    def _different(self, number: int) -> int:
        came = sum(len(set(ids)) for ids in self._ids)
        return self.before + came + sum(reading.rows for reading in self._readings[number:])

    def _listed_since(self, row: Row) -> str:
        """Return when a row entered the list: by its creation, or by an update of it."""
        created_at = known_fields(row[2]).get("created_at")
        if created_at and (self._updated_after is None or created_at > self._updated_after):
            return min(str(created_at), row[1])
        return row[1]
