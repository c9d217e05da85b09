"""How many rows the server counts, and how many of those have come.

The count is the only witness of rows that were left out of an answer. A list is read once by the
walk and, where rows are missing, again by loops. After each reading it is asked whether every row
has come that the server counted when that reading began, in it or in a later one. So rows that are
deleted, or inserted, while the list is read do not make up the number of others.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

from tap_dagctl import timestamps
from tap_dagctl.records.builder import known_fields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_dagctl.pagination.page import Page
    from tap_dagctl.records.fast_path import Row

# Hashes of ids are kept in so many parts, so that finding the different ones needs little memory.
_PARTS = 16


@dataclass
class _Reading:
    """The walk, or a loop.

    Attributes:
        counted: rows of the list when it began; None before the first answer that is believed.
        highest: the most rows that an answer counted since.
        has_fallen: whether an answer counted fewer rows than the one before it.
        counted_at: the server's clock at the first answer, in nanoseconds since the epoch; None
            where it tells none.
        rows: of how many ids this is the last reading that showed them.
    """

    counted: int | None = None
    highest: int = 0
    has_fallen: bool = False
    counted_at: int | None = None
    rows: int = 0


class RowCount:
    """Compares the rows that come with those the server counts. A row takes 8 bytes.

    Attributes:
        before: rows that came before the walk was interrupted.
        last: rows of the list by the last answer that had rows.
        remembers_all: whether a row that came long ago is recognised.
    """

    def __init__(self, updated_after: str | None, expected: int, surplus: int) -> None:
        """Prepare to count.

        Args:
            updated_after: the list has only rows updated after this moment; None for every row.
            expected: how many rows there were when an earlier sync did not get all of them.
            surplus: how many more rows the server is known to count than it shows.
        """
        self.before = self.last = 0
        self.remembers_all = False
        self._updated_after, self._expected, self._surplus = updated_after, expected, surplus
        self._readings = [_Reading()]
        self._ids = [array("q") for _ in range(_PARTS)]
        # The last reading that showed each id; filled once all are remembered.
        self._shown_in: dict[int, int] = {}
        # Ids that came into the list after the walk began, since when, and which reading saw it.
        self._came_later: dict[int, tuple[str, int]] = {}

    def __len__(self) -> int:
        """Return how many rows have come that were counted when the walk began.

        One that came again much later counts twice.
        """
        came = len(self._shown_in) if self.remembers_all else sum(map(len, self._ids))
        return self.before + came - len(self._came_later)

    @property
    def total(self) -> int:
        """How many rows there were when the walk began."""
        return max(self._readings[0].counted or 0, self._expected)

    @property
    def needed(self) -> int:
        """How many of them are still counted."""
        return max(min(self.total, self.last), self._expected)

    @property
    def excess(self) -> int:
        """How many rows more came than there were."""
        return max(0, self._different(0) - len(self._came_later) - self.total)

    @property
    def counted_at(self) -> int | None:
        """When the rows were counted as the walk began; None where the server tells no time."""
        return self._readings[0].counted_at

    def begin(self, total: int, counted_at: int | None, *, before: int | None = None) -> None:
        """Begin the walk.

        Args:
            total: how many rows there are, as the server counts them.
            counted_at: its clock at that moment; None where it tells no time.
            before: how many rows came before the walk was interrupted. `total` was then counted
                as well, and is less the surplus.
        """
        counted = total - self._surplus if before is None else total
        self._readings[0] = _Reading(counted, counted, counted_at=counted_at)
        self.before = before or 0

    def begin_loop(self) -> None:
        """Begin another reading of the whole list; from now on every id is recognised."""
        self.remember_all()
        # What came before an interruption comes again.
        self.before = 0
        self._readings.append(_Reading())

    def remember_all(self) -> None:
        """From now on, recognise every row: about 100 bytes more for each."""
        if not self.remembers_all:
            self.remembers_all = True
            self._shown_in = dict.fromkeys((key for ids in self._ids for key in ids), 0)
            self._readings[0].rows = len(self._shown_in)
            self._ids = []

    def note(self, page: Page) -> None:
        """Take note of how many rows `page` says the list has."""
        reading, counted = self._readings[-1], page.total - self._surplus
        if reading is not self._readings[0] and reading.counted is None and page.rows:
            reading.counted = counted
            if page.answer.server_time is not None:
                # The server's time has whole seconds.
                reading.counted_at = page.answer.server_time + timestamps.NANOSECONDS
        if page.rows or not len(self):
            # A count of 0 after rows came is not believed.
            reading.has_fallen = reading.has_fallen or counted < self.last
            self.last = counted
            reading.highest = max(reading.highest, counted)

    def add(self, rows: Iterable[Row], *, is_first_page: bool) -> set[str]:
        """Count the rows of a page that were not seen lately.

        Args:
            rows: those rows.
            is_first_page: whether they were there when the walk began, however they are stamped.

        Returns:
            The ids that are known from long ago; none, unless all are remembered.
        """
        known: set[str] = set()
        if self.remembers_all:
            rows = list(rows)
            known = {row[0] for row in rows if hash(row[0]) in self._shown_in}
            rows = [row for row in rows if row[0] not in known]
            self.show(rows)
        else:
            appends = [ids.append for ids in self._ids]
            for key in map(hash, map(itemgetter(0), rows)):
                appends[key % _PARTS](key)
        if self.counted_at is not None and not is_first_page:
            counted_at, reading = timestamps.render(self.counted_at), len(self._readings) - 1
            for row in rows:
                if row[1] > counted_at and (since := self._listed_since(row)) > counted_at:
                    self._came_later[hash(row[0])] = since, reading
        return known

    def show(self, rows: Iterable[Row]) -> None:
        """Take note that this reading shows these rows, where all are remembered."""
        number, readings = len(self._readings) - 1, self._readings
        for key in map(hash, map(itemgetter(0), rows)):
            before = self._shown_in.get(key)
            if before != number:
                if before is not None:
                    readings[before].rows -= 1
                readings[number].rows += 1
                self._shown_in[key] = number

    def missing(self) -> int:
        """Return how many rows have not come, by the reading that misses fewest; 0 if none."""
        return max(0, min(map(self._missing_since, range(len(self._readings)))))

    def _missing_since(self, number: int) -> int:
        """Return how many rows have not come since a reading began, of those counted then."""
        reading = self._readings[number]
        if reading.counted is None:
            return max(self.total, 1)
        came = self._different(number)
        later = 0
        if reading.counted_at is not None:
            counted_at = timestamps.render(reading.counted_at)
            later = sum(
                seen_in >= number and since > counted_at
                for since, seen_in in self._came_later.values()
            )
        missing = max(reading.counted, self._expected) - (came - later)
        # A walk need not see what was inserted behind it. But a loop that is repeated does; and
        # where the count has fallen, rows that are gone must not make up the number of others.
        if number or reading.has_fallen or reading.counted_at is None:
            missing = max(missing, reading.highest - came)
        return missing

    def _different(self, number: int) -> int:
        """Return how many different rows have come since that reading began."""
        if self.remembers_all:
            return self.before + sum(reading.rows for reading in self._readings[number:])
        return self.before + sum(len(set(ids)) for ids in self._ids)

    def _listed_since(self, row: Row) -> str:
        """Return since when a row has been in the list, at the latest.

        An update can bring a row into a list of updated rows.
        """
        created_at = known_fields(row[2]).get("created_at")
        if created_at and (self._updated_after is None or created_at > self._updated_after):
            return min(str(created_at), row[1])
        return row[1]
