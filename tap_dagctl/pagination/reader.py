"""Reads the pages of one list, and says which places of the list each of them covers.

The server may give fewer rows than it was asked for, for two reasons that look alike: it gives
fewer places in a page than `limit` says (`limits`), or it leaves rows out and keeps their places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_dagctl.pagination.dedup import SeenRows
from tap_dagctl.pagination.ending import Ending
from tap_dagctl.pagination.fetcher import Fetcher
from tap_dagctl.pagination.limits import LEAST_ROWS, Limits
from tap_dagctl.pagination.overlap import MOST_ROWS, PageNumber, page_holding
from tap_dagctl.pagination.page import unusable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_dagctl.pagination.openings import Openings
    from tap_dagctl.pagination.page import Listing, Page
    from tap_dagctl.records.fast_path import Row

    IsAnchor = Callable[[Row], bool]

ROWS_KEPT = 2_500
"""Rows of a walk that are kept to recognise anchors and repeats, besides those that may be fetched
before they are needed; twice as many at most."""

NEARLY = 0.9
"""So much of its limit a page must have for it not to matter whether it has all of it."""

_STEPS_BACK = (1, 2, 4, 8)
"""Where to look for a lost anchor: half pages further back. The last step is repeated."""


class PageReader:
    """Reads the pages of one walk.

    Attributes:
        fetcher: makes the requests.
        limits: how many places a page has.
        ending: where the list ends.
        seen: the rows read last.
        overlap_rows: by how many rows more than needed a page is to overlap the one before it.
    """

    def __init__(self, openings: Openings, listing: Listing) -> None:
        """Prepare it; nothing is asked for before `get`."""
        self.fetcher = Fetcher(openings, listing)
        self.limits = Limits(listing.page_size)
        self.ending = Ending()
        self.seen = SeenRows(ROWS_KEPT + MOST_ROWS * listing.connections)
        self.overlap_rows = 0
        self._listing = listing

    def get(self, number: PageNumber) -> Page:
        """Return a page.

        Raises:
            RequestError: it cannot be had.
            AnswerError: it cannot be used; or there were more requests than the list can need.
        """
        # A page fetched before its turn may show a row as it was before it moved to a page that
        # was read: what has gone out must not go out again as it was before.
        page = self.fetcher.get(number, self.limits.most, self.seen.may_be_newer)
        self.limits.learn(page)
        return page

    def number_after(self, end: int) -> PageNumber:
        """Return the page to ask for where the list was read up to `end`.

        Raises:
            AnswerError: pages are too short for that.
        """
        while True:
            number = page_holding(max(0, end - 1 - self.overlap_rows), self.limits.most)
            if number.end > end:
                return number
            if not self.overlap_rows:
                what = f"its pages of {self.limits.most} rows are too short to overlap"
                raise unusable(self._listing, what)
            self.overlap_rows //= 2

    def pass_by(self, page: Page) -> None:
        """Take note of the rows that are missing in a page that is read now."""
        self.ending.passed(page)
        # Then the next page begins with a row that is there, wherever these are missing.
        self.overlap_rows = max(self.overlap_rows, min(page.missing, self.limits.most // 16))

    def prefetch_after(self, page: Page) -> None:
        """Begin to fetch the pages that come next if no row moves and every page is full.

        That they are fetched out of turn does no harm: a row that has not moved since the walk
        began is where it was, whichever of two pages was read first, and so is an anchor. `get`
        sees to the rows that have.
        """
        numbers: list[PageNumber] = []
        most = 0 if self.limits.are_in_doubt(page) else self.fetcher.pays(page)
        end = page.end
        while len(numbers) < most and end < page.total:
            numbers.append(self.number_after(end))
            end = numbers[-1].end
        self.fetcher.plan(numbers)

    def has_anchor(self, page: Page) -> bool:
        """Whether `page` shows a row that was read before and has not moved."""
        return any(row in self.seen for row in page.rows)

    def anchored(
        self, end: int, is_anchor: IsAnchor, *, nearest: int = 0, furthest: int | None = None
    ) -> Page | None:
        """Return a page that holds an anchor, or None.

        Args:
            end: the list was read up to this offset.
            is_anchor: whether a row was read before and has not moved.
            nearest: how many rows back to look first.
            furthest: how many rows back to look; by default to the beginning of the list.
        """
        half = max(1, self._listing.page_size // 2)
        back, tries = nearest, 0
        while back < end and (furthest is None or back <= furthest):
            page = self.get(page_holding(end - 1 - back, self.limits.most))
            # The server may have capped `limit`: then this is another page than the one meant.
            if any(is_anchor(row) for row in page.rows):
                return page
            back += half * _STEPS_BACK[min(tries, len(_STEPS_BACK) - 1)]
            tries += 1
        return None

    def placed(self, page: Page, *, is_second: bool = False) -> Page:
        """Return `page` with the places it has for certain.

        Args:
            page: a page with an anchor.
            is_second: whether it comes right after the first page of the list.
        """
        if page.index == 1 or not page.rows or not self.limits.are_in_doubt(page):
            return page
        is_told = page.total_pages > 0 and page.counts_agree
        if is_told and (is_second or self.limits.known < LEAST_ROWS):
            self.limits.believe(page)
            return page
        return self._lowered(page)

    def settled(self, page: Page) -> Page | None:
        """Return `page`, the first, which is short and may be capped, with the limit it has.

        None if the list has changed since: then another page shows nothing about this one.

        The second page of half its size lies within it. If pages are capped, it shows rows that
        this page does not reach to.
        """
        if self.limits.known >= NEARLY * page.limit:
            # A few places fewer do no harm, and need no request to be sure of.
            return self._lowered(page)
        # What was missing before may just have been beyond its end.
        self.ending, self.overlap_rows = Ending(), 0
        half = max(1, page.limit // 2)
        second = self.get(PageNumber(2, half))
        is_capped = not all(row in self.seen or row in page.rows for row in second.rows)
        if second.total != page.total or (is_capped and self.get(page.number).rows != page.rows):
            return None
        return self.limits.settle(page, reaches=2 * half, is_capped=is_capped)

    def _lowered(self, page: Page) -> Page:
        """Return `page` with no more places than are known; rows may be missing all the same."""
        self.ending.passed(page)
        return self.limits.lower(page)
