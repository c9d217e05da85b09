"""Remembers the last rows of a walk, to find anchors and drop repeats."""

from __future__ import annotations

from tap_dagctl.records.record import Row, known_fields

# `updated_at` to the microsecond: with more digits, the order of texts is not the order of time.
_SORTABLE = len("2026-02-26T06:00:00.000000")


class SeenRows:
    """The last rows of a walk, each in its newest version.

    Rows updated after `unmoved_until` may have moved since the walk began. `are_in_order` becomes
    False when a page shows an unmoved new row in front of a row that was seen before.
    """

    def __init__(self, least: int) -> None:
        """Keep at least `least` rows, and at most twice as many plus the rows of two pages."""
        self.unmoved_until = "9999"
        self.are_in_order = True
        self._least = least
        self._received = 0.0
        # Each row, with the time at which its answer was received. When the newer half is full, the
        # older half is dropped.
        self._newer: dict[str, tuple[Row, float]] = {}
        self._older: dict[str, tuple[Row, float]] = {}

    def has_anchor(self, rows: list[Row]) -> bool:
        """Return whether one of `rows` was seen and has not moved."""
        return any((known := self._known(row)) and is_same_version(known[0], row) for row in rows)

    def has_new(self, rows: list[Row]) -> bool:
        """Return whether one of `rows` was not seen before, or not in its version."""
        return any(
            not (known := self._known(row))
            or not (is_same_version(known[0], row) or is_earlier(row[1], known[0][1]))
            for row in rows
        )

    def may_be_newer(self, rows: list[Row], sent: float) -> bool:
        """Return whether one of `rows`, asked for then, was seen in another version since."""
        return sent <= self._received and any(
            (known := self._known(row)) and known[1] > sent and not is_same_version(known[0], row)
            for row in rows
        )

    def add(self, rows: list[Row], received: float) -> tuple[list[Row], list[Row]]:
        """Remember `rows`; return those in a version not seen before, and the new ones.

        An older version of a row is left out, as from a replica that lags. If it was in fact
        written later, with an earlier stamp, the next sync reads it in its overlap.
        """
        if len(self._newer) >= self._least:
            self._newer, self._older = {}, self._newer
        self._received = received = max(self._received, received)
        changed, new, newer, older = [], [], self._newer, self._older
        for row in rows:
            known = newer.get(row[0]) or older.get(row[0])
            if known is None:
                newer[row[0]] = (row, received)
                new.append(row)
                changed.append(row)
            elif is_same_version(known[0], row):
                if new and any(moment <= self.unmoved_until for _, moment, _ in new):
                    self.are_in_order = False
            elif not is_earlier(row[1], known[0][1]):
                newer[row[0]] = (row, received)
                changed.append(row)
        return changed, new

    def _known(self, row: Row) -> tuple[Row, float] | None:
        return self._newer.get(row[0]) or self._older.get(row[0])


def is_same_version(row: Row, other: Row) -> bool:
    """Return whether both have the same `id`, `updated_at` and known fields.

    Unknown fields are ignored, because some differ in each answer, such as signed URLs.
    """
    return row == other or (row[:2] == other[:2] and known_fields(row[2]) == known_fields(other[2]))


def is_earlier(moment: str, other: str) -> bool:
    """Return whether an `updated_at` is earlier than another, by a microsecond or more."""
    return moment[:_SORTABLE] < other[:_SORTABLE]
