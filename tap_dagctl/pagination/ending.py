"""Where a list ends.

Its count of rows and its count of pages say so together; that of pages alone may be wrong, and does
not count where every row that is counted has come. But a server that leaves rows out may count only
the rest, and then there are rows behind the place where the count ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_dagctl.pagination.page import Page

_SO_MANY_TIMES = 4
"""How much further than rows were missing in one stretch a page must look beyond the count."""


class Ending:
    """Looks beyond the count if rows were missing before it."""

    def __init__(self) -> None:
        """Begin with no row missing."""
        self._stretch = 0
        self._longest = 0
        self._has_rows = False

    def passed(self, page: Page) -> None:
        """Take note of the rows that are missing in a page of the walk."""
        self._stretch = page.missing + (0 if page.rows else self._stretch)
        self._longest = max(self._longest, self._stretch)
        self._has_rows = self._has_rows or bool(page.rows)

    def is_at(self, page: Page) -> bool:
        """Whether the list ends with `page`, which was passed."""
        beyond = page.end - page.total
        if beyond < 0 or len(page.rows) > page.counted:
            return False
        if page.index < page.total_pages and (self._longest or not page.is_short):
            return False
        if not self._longest:
            return True
        if not page.rows:
            # Where no row was shown at all, the next sync looks again (`incremental`).
            return page.first >= page.total and (beyond >= self._longest or not self._has_rows)
        if page.index == 1:
            # Nothing is known yet of how many rows are left out.
            return page.end >= _SO_MANY_TIMES * page.total
        return beyond >= _SO_MANY_TIMES * self._longest
