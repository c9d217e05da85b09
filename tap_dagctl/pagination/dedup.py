"""The dedup within a walk: the rows it read last, by which anchors and repeats are recognised."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_dagctl.pagination.page import Page
    from tap_dagctl.records.fast_path import Row


class SeenRows:
    """The rows of a walk that were read last, each in the newest version that was seen.

    They are kept in two halves. When the newer half is full, the older one is thrown away, so
    memory stays bounded however long the walk is.
    """

    def __init__(self, least: int) -> None:
        """Keep at least `least` rows, and at most twice as many and the rows of two pages."""
        self._least = least
        # When the latest page was answered, and for each row the page it came in (`Page.answered`).
        self._answered = -1
        self._newer: dict[str, tuple[Row, int]] = {}
        self._older: dict[str, tuple[Row, int]] = {}

    def __contains__(self, row: Row) -> bool:
        """Whether the newest version read of this row is `row`, every field the same.

        `updated_at` alone would not do: a row can change twice within its resolution.
        """
        known = self._newer.get(row[0]) or self._older.get(row[0])
        return known is not None and known[0] == row

    def may_be_newer(self, page: Page) -> bool:
        """Whether what was read of one of the page's rows may be newer than what the page shows."""
        newer, older, asked = self._newer, self._older, page.asked
        if asked > self._answered:
            return False
        for row in page.rows:
            known = newer.get(row[0]) or older.get(row[0])
            if known is not None and known[1] > asked and known[0] != row:
                return True
        return False

    def new_rows(self, page: Page) -> list[Row]:
        """Return the rows of `page` that were not seen before in this version, and keep them."""
        if len(self._newer) >= self._least:
            self._newer, self._older = {}, self._newer
        self._answered = max(self._answered, page.answered)
        new, newer, older = [], self._newer, self._older
        for row in page.rows:
            known = newer.get(row[0]) or older.get(row[0])
            if known is None or known[0] != row:
                newer[row[0]] = (row, page.answered)
                new.append(row)
        return new
