"""Which page to read next, so that no row slides past the walk unread.

Each page overlaps the page before it and must show an **anchor**: a row of this walk that has not
moved. Rows that did not move keep their order, so none of them lies unread in front of the anchor.
Where no page can show one, two neighbouring pages of one size will do, if the first shows the same
before and after the second is read: a **sandwich**.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tap_dagctl.pagination.dedup import is_same_version
from tap_dagctl.pagination.overlap import MOST_ROWS, PageNumber, largest_limit, page_holding
from tap_dagctl.pagination.page import PageRequest
from tap_dagctl.pagination.prefetch import is_worthwhile

if TYPE_CHECKING:
    from tap_dagctl.pagination.dedup import SeenRows
    from tap_dagctl.pagination.page import Listing, Page
    from tap_dagctl.pagination.prefetch import Prefetch

LONG_WALK_PAGES = 5
"""Pages from which on a walk is long enough for more than one connection."""

LEAST_ROWS = 11
"""Page sizes below that are not taken for a server's largest: such pages overlap badly."""


class NextPage:
    """Asks for pages, and knows which one follows.

    Attributes:
        cap: the most rows to ask for in a page.
        requests: how many pages were asked for.
        is_displaced: whether the last page showed a row further on than it can stand: then its
            `limit` does not tell how far the page reaches.
    """

    def __init__(self, prefetch: Prefetch, listing: Listing, seen: SeenRows) -> None:
        self.cap, self.requests, self.is_displaced = MOST_ROWS, 0, False
        self._prefetch, self._listing, self._seen = prefetch, listing, seen
        self._pages_without_overlap = self._failed_overlaps = 0

    @property
    def most(self) -> int:
        """The most rows of an overlapping page."""
        return min(self.cap, largest_limit(self._listing.page_size))

    def get(self, number: PageNumber, *, now: bool = False) -> Page:
        """Return a page.

        Args:
            number: which one.
            now: whether one that was fetched ahead will not do.
        """
        self.requests += 1
        request = PageRequest.of(self._listing, number)
        page = (self._prefetch.client if now else self._prefetch).get(request)
        if self._seen.may_be_newer(page):
            # A row that has been yielded must not be yielded again as it was before.
            page = self._prefetch.client.get(request)
        if page.limit < number.limit:
            self.cap = min(self.cap, page.limit)
        return page

    def after(self, page: Page) -> Page:
        """Return the page to read after `page`."""
        number = self._overlapping(page)
        self._pages_without_overlap = max(0, self._pages_without_overlap - 1)
        self.is_displaced = False
        if number:
            following = self.get(number)
            if self.has_anchor(following) and (
                self._seen.has_new(following) or _goes_further(following, page)
            ):
                self._failed_overlaps = 0
                self.is_displaced = _is_displaced(following, page)
                return following
            # Perhaps the server does not know such a page size: try it ever more rarely.
            self._pages_without_overlap = 2**self._failed_overlaps - 1
            self._failed_overlaps += 1
        return self._sandwiched(page) or self._further_back(page)

    def has_anchor(self, page: Page) -> bool:
        """Return whether `page` shows a row of this walk that has not moved."""
        return any(row in self._seen for row in page.rows)

    def plan_after(self, page: Page) -> None:
        """Fetch ahead the pages that come next if no row moves and every page is full.

        That they are fetched out of turn does no harm: a row that has not moved since the walk
        began is where it was, whichever of two pages was read first, and so is an anchor. `get`
        sees to the rows that have.
        """
        is_long = page.total > LONG_WALK_PAGES * self._listing.page_size
        number = self._overlapping(page) if page.end < page.total else None
        planned: list[PageNumber] = []
        if is_long and is_worthwhile(self._prefetch.client.waits):
            while number and len(planned) < self._listing.connections:
                planned.append(number)
                following = page_holding(number.end - 1, self.most)
                is_needed = number.end < page.total and following.end > number.end
                number = following if is_needed else None
        self._prefetch.plan_pages(PageRequest.of(self._listing, number) for number in planned)

    def end(self) -> None:
        """Fetch no page ahead any more."""
        self._prefetch.plan_pages(())

    def _overlapping(self, page: Page) -> PageNumber | None:
        """Return the page that shows the last row of `page` and reaches further; None without."""
        if not page.rows or self._pages_without_overlap:
            return None
        # Where rows are left out, it lies at this place or behind it, and is on that page as well.
        number = page_holding(page.end_of_rows - 1, self.most)
        return number if number.end > page.end else None

    def _sandwiched(self, page: Page) -> Page | None:
        """Return the next page of the same size, if nothing slid from there to `page` meanwhile."""
        following = self.get(replace(page.number, page=page.number.page + 1), now=True)
        if self.has_anchor(following) and self._seen.has_new(following):
            return following
        once_more = self.get(page.number, now=True)
        if not _show_the_same(once_more, page):
            return once_more if self.has_anchor(once_more) else None
        rows = len(following.rows)
        if LEAST_ROWS <= rows == len(page.rows) < following.limit:
            # The server gives no more than that, whatever it says.
            self.cap = min(self.cap, rows)
            return replace(following, limit=rows)
        return following

    def _further_back(self, page: Page) -> Page:
        """Return a page further in front that shows an anchor, or else the first page."""
        back = half = max(1, self._listing.page_size // 2)
        while back < page.end_of_rows:
            found = self.get(page_holding(page.end_of_rows - 1 - back, self.most), now=True)
            if self.has_anchor(found):
                return found
            back = 2 * back + half
        # All that was read lately has moved: the walk begins again.
        return self.get(PageNumber(1, self.most), now=True)


def _goes_further(page: Page, before: Page) -> bool:
    """Return whether `page` covers places behind `before`, even if none of them shows a row."""
    last = before.rows[-1]
    return page.end > before.end and any(is_same_version(row, last) for row in page.rows)


def _is_displaced(page: Page, before: Page) -> bool:
    """Return whether `page` shows the last row of `before` further on than it can stand."""
    last = before.rows[-1]
    place = next((place for place, row in enumerate(page.rows) if is_same_version(row, last)), 0)
    return (
        before.is_full
        and page.total == before.total
        and page.first + place > before.end_of_rows - 1
    )


def _show_the_same(page: Page, other: Page) -> bool:
    return len(page.rows) == len(other.rows) and all(map(is_same_version, page.rows, other.rows))
