"""The rows that a walk has seen, by which anchors and repeats are recognised and rows counted."""

from __future__ import annotations

from array import array
from operator import itemgetter
from typing import TYPE_CHECKING

from tap_dagctl import timestamps
from tap_dagctl.records.builder import known_fields

if TYPE_CHECKING:
    from tap_dagctl.pagination.page import Page
    from tap_dagctl.records.fast_path import Row

# `updated_at` to the microsecond. Finer texts do not sort as their instants do.
_SORTABLE = len("2026-02-26T06:00:00.000000")
# Hashes of ids are kept in so many parts, so that finding the different ones needs little memory.
_PARTS = 16


class SeenRows:
    """The rows of a walk: the last ones whole, and of each row a hash of its id.

    The last rows are kept in two halves. When the newer half is full, the older one is dropped, so
    memory stays bounded. The hashes take 8 bytes a row.

    Attributes:
        counted_at: when the server counted the rows, in nanoseconds since the epoch. What came into
            the list later is not counted here; None to count every row.
        unmoved_until: rows updated later may have moved since the walk began.
        are_in_order: whether every row that has not moved stood where the rows seen before say:
            none that was not seen yet stood in front of one that was.
    """

    def __init__(self, least: int, updated_after: str | None) -> None:
        """Prepare to see rows.

        Args:
            least: how many rows are kept whole at least; at most it is twice as many and the rows
                of two pages.
            updated_after: the list has only rows updated after this moment; None for every row.
        """
        self.counted_at: int | None = None
        self._updated_after = updated_after
        self.unmoved_until = "9999"
        self.are_in_order = True
        self._least = least
        self._received = 0.0
        # Each row in its newest version, and when the answer that showed it was received.
        self._newer: dict[str, tuple[Row, float]] = {}
        self._older: dict[str, tuple[Row, float]] = {}
        self._ids = [array("q") for _ in range(_PARTS)]
        self._came_later: set[int] = set()
        self._every_id: set[int] | None = None

    def __contains__(self, row: Row) -> bool:
        """Return whether the newest version seen of this row is `row`: then it has not moved."""
        known = self._known(row)
        return known is not None and is_same_version(known[0], row)

    def __len__(self) -> int:
        """Return how many rows came; a row that came again much later counts twice."""
        return sum(map(len, self._ids))

    @property
    def came_later(self) -> int:
        """How many of the rows came into the list after the server had counted them."""
        return len(self._came_later)

    def counted_among(self, ids: set[int]) -> int:
        """Return how many of the rows with these hashes of ids did not come later."""
        return len(ids - self._came_later)

    def distinct(self) -> int:
        """Return how many different rows came."""
        if self._every_id is not None:
            return len(self._every_id)
        return sum(len(set(ids)) for ids in self._ids)

    def may_be_newer(self, page: Page) -> bool:
        """Return whether a row of `page` was seen in another version after `page` was asked for."""
        if page.answer.sent > self._received:
            return False
        for row in page.rows:
            known = self._known(row)
            if known and known[1] > page.answer.sent and not is_same_version(known[0], row):
                return True
        return False

    def remember_all(self) -> None:
        """From now on, recognise every row of the walk: 60 bytes a row more."""
        if self._every_id is None:
            self._every_id = set().union(*self._ids)

    def add(self, page: Page) -> list[Row]:
        """Return the rows of `page` in a version not seen before, and remember them.

        An older version of a row is left out, as from a replica that lags. If it was in fact
        written later, with an earlier stamp, the next sync reads it in its overlap.
        """
        if len(self._newer) >= self._least:
            self._newer, self._older = {}, self._newer
        self._received = received = max(self._received, page.answer.received)
        new, first_seen, newer, older = [], [], self._newer, self._older
        for row in page.rows:
            known = newer.get(row[0]) or older.get(row[0])
            if known is None:
                newer[row[0]] = (row, received)
                first_seen.append(row)
                new.append(row)
            elif is_same_version(known[0], row):
                if first_seen and any(moment <= self.unmoved_until for _, moment, _ in first_seen):
                    self.are_in_order = False
            elif not _is_older(row, known[0]):
                newer[row[0]] = (row, received)
                new.append(row)
        if self._every_id is not None:
            # If one of these has changed, it was since the walk began: the next sync reads it.
            known_before = {row[0] for row in first_seen if hash(row[0]) in self._every_id}
            new = [row for row in new if row[0] not in known_before]
            first_seen = [row for row in first_seen if row[0] not in known_before]
            self._every_id.update(hash(row[0]) for row in first_seen)
        self._count(first_seen)
        return new

    def _count(self, rows: list[Row]) -> None:
        """Count rows that were not seen before."""
        appends = [ids.append for ids in self._ids]
        for key in map(hash, map(itemgetter(0), rows)):
            appends[key % _PARTS](key)
        if self.counted_at is not None:
            counted_at = timestamps.render(self.counted_at)
            later = [row for row in rows if row[1] > counted_at]
            self._came_later.update(
                hash(row[0]) for row in later if not self._was_listed(row, counted_at)
            )

    def _was_listed(self, row: Row, moment: str) -> bool:
        """Return whether a row that was updated since `moment` was in the list before, for certain.

        An update can bring a row into a list of updated rows.
        """
        created_at = known_fields(row[2]).get("created_at") or ""
        is_old = created_at <= moment
        return is_old and (self._updated_after is None or created_at > self._updated_after)

    def has_new(self, page: Page) -> bool:
        """Return whether `page` shows a row or a version not seen before."""
        for row in page.rows:
            known = self._known(row)
            if known is None or not (is_same_version(known[0], row) or _is_older(row, known[0])):
                return True
        return False

    def _known(self, row: Row) -> tuple[Row, float] | None:
        return self._newer.get(row[0]) or self._older.get(row[0])


def is_same_version(row: Row, other: Row) -> bool:
    """Return whether both have the same `id`, `updated_at` and known fields.

    Unknown fields do not count: one that differs in each answer, like a signed URL, says nothing.
    """
    return row == other or (row[:2] == other[:2] and known_fields(row[2]) == known_fields(other[2]))


def _is_older(row: Row, other: Row) -> bool:
    return row[1][:_SORTABLE] < other[1][:_SORTABLE]
