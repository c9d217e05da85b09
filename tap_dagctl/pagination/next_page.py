"""Which page to read next, so that no row slides past the walk unread.

Each page overlaps the page before it and must show an **anchor**: a row of this walk that has not
moved. If no page can show one, two neighbouring pages of the same size are enough, provided that
the first shows the same before and after the second is read: a **sandwich**.

The first row of a page has the offset `(page - 1) * limit`, so a page can only begin at multiples
of `limit`. But the tap chooses `limit`: one of those from 460 to 500 usually gives a page that
begins within 30 rows before any given row.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import isqrt

from tap_dagctl.api.prefetch import Prefetch, is_worthwhile
from tap_dagctl.pagination.dedup import SeenRows, is_same_version
from tap_dagctl.pagination.page import Listing, Page, PageNumber

# Rows the API gives in one page at most (API page, "Conventions").
MAX_ROWS = 500
# A walk of more pages than this is worth more than one connection.
LONG_WALK_PAGES = 5
# A smaller page is never taken as the server's cap, because pages so small overlap badly.
MIN_ROWS = 11


class NextPage:
    """Gets pages, and chooses the next one.

    The server gives at most `cap` rows in a page. `is_displaced` means that the last page showed a
    row at a later offset than the page before it did, so the server ignores `limit`.
    `has_left_overlap` means that some page need not overlap the one before it, and may show rows
    from before the place where the walk was resumed.
    """

    def __init__(self, prefetch: Prefetch, listing: Listing, seen: SeenRows) -> None:
        self.cap, self.requests = MAX_ROWS, 0
        self.is_displaced = self.has_left_overlap = False
        self._prefetch, self._listing, self._seen = prefetch, listing, seen
        self._pages_without_overlap = self._failed_overlaps = 0
        # A page begins about isqrt(2 * page_size) rows before the row it must hold. Larger by that
        # many rows, it still brings `page_size` new ones. Below 16 rows, too few limits divide
        # well.
        self._largest = min(MAX_ROWS, max(listing.page_size + isqrt(2 * listing.page_size), 16))

    def get(self, number: PageNumber, *, now: bool = False) -> Page:
        """Return a page; with `now`, never one that was fetched ahead."""
        self.requests += 1
        request = self._listing.request(number)
        page = (self._prefetch.client if now else self._prefetch).get(request)
        if self._seen.may_be_newer(page.rows, page.answer.sent):
            # An older version of a row must not follow a newer one.
            page = self._prefetch.client.get(request)
        if page.limit < number.limit:
            self.cap = min(self.cap, page.limit)
        return page

    def holding(self, offset: int, *, now: bool = False) -> Page:
        """Return the page that holds the row `offset` and ends furthest on."""
        return self.get(self._number_holding(offset), now=now)

    def after(self, page: Page) -> Page:
        """Return the page to read after `page`."""
        number = self._overlapping(page)
        self._pages_without_overlap = max(0, self._pages_without_overlap - 1)
        self.is_displaced = False
        if number:
            following, last = self.get(number), page.rows[-1]
            places = enumerate(following.rows, following.first)
            last_at = next((place for place, row in places if is_same_version(row, last)), None)
            goes_further = last_at is not None and following.end > page.end
            if self._seen.has_anchor(following.rows) and (
                goes_further or self._seen.has_new(following.rows)
            ):
                self._failed_overlaps = 0
                last_at = following.first if last_at is None else last_at
                is_as_counted = page.is_full and following.total == page.total
                self.is_displaced = is_as_counted and last_at >= page.end_of_rows
                return following
            # Perhaps the server does not support this page size: try it less and less often.
            self._pages_without_overlap = 2**self._failed_overlaps - 1
            self._failed_overlaps += 1
        self.has_left_overlap = True
        return self._sandwiched(page) or self._further_back(page)

    def plan_after(self, page: Page) -> None:
        """Fetch the pages ahead that follow if no row moves and every page is full."""
        planned: list[PageNumber] = []
        is_long = page.total > LONG_WALK_PAGES * self._listing.page_size
        is_worth_it = is_long and is_worthwhile(self._prefetch.client.waits)
        most = self._prefetch.connections if is_worth_it else 0
        end, number = page.end, self._overlapping(page)
        while number and len(planned) < most and end < min(number.end, page.total):
            planned.append(number)
            end, number = number.end, self._number_holding(number.end - 1)
        self._prefetch.plan_pages(map(self._listing.request, planned))

    def _number_holding(self, offset: int) -> PageNumber:
        return _page_holding(offset, min(self.cap, self._largest))

    def _overlapping(self, page: Page) -> PageNumber | None:
        """Return the page that holds the last row of `page` and ends after it; None without one."""
        if not page.rows or self._pages_without_overlap:
            return None
        # If the server left out rows, the last row is at this offset or behind it, so that page has
        # it, too.
        number = self._number_holding(page.end_of_rows - 1)
        return number if number.end > page.end else None

    def _sandwiched(self, page: Page) -> Page | None:
        """Return the next page of the same size if no row has slid from it onto `page`."""
        following = self.get(replace(page.asked, page=page.asked.page + 1), now=True)
        if self._seen.has_anchor(following.rows) and self._seen.has_new(following.rows):
            return following
        once_more = self.get(page.asked, now=True)
        rows = len(page.rows)
        if rows != len(once_more.rows) or not all(map(is_same_version, page.rows, once_more.rows)):
            return once_more if self._seen.has_anchor(once_more.rows) else None
        if MIN_ROWS <= rows == len(following.rows) < following.limit:
            # The server silently caps its pages at this many rows.
            self.cap = min(self.cap, rows)
            return replace(following, limit=rows)
        return following

    def _further_back(self, page: Page) -> Page:
        """Return an earlier page that shows an anchor, or else the first page."""
        back = half = max(1, self._listing.page_size // 2)
        while back < page.end_of_rows:
            found = self.holding(page.end_of_rows - 1 - back, now=True)
            if self._seen.has_anchor(found.rows):
                return found
            back = 2 * back + half
        # Every remembered row has moved: begin the walk again.
        return self.holding(0, now=True)


# Planning ahead asks for the same offsets again and again.
@lru_cache(maxsize=256)
def _page_holding(offset: int, most: int) -> PageNumber:
    """Return the page of at most `most` rows that holds the row `offset` and ends furthest on.

    If several pages end at the same row, return the largest.
    """
    reaching = sorted(
        (((offset // limit + 1) * limit, limit) for limit in range(most, most // 2, -1)),
        reverse=True,
    )
    # If every limit divided the end of a page, no page could overlap it.
    usable = (
        (end, limit) for end, limit in reaching if any(end % other for other in range(2, most + 1))
    )
    end, limit = next(usable, reaching[0])
    return PageNumber(end // limit, limit)
