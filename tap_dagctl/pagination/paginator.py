"""The walk over the pages of a list whose rows move while it is read.

Page numbers count positions. A row that is deleted, or moves back, pulls the rows behind it over
the page boundary, unread. So each page overlaps the page before it, and must show a row of this
walk unmoved: an **anchor**. Rows that did not move keep their order, so nothing that did not move
can lie between the anchor and what was read before. A page without an anchor is not used; the walk
steps back until it finds one, or begins again. A row that did move changed after the walk began:
it has a later `updated_at`, and belongs to the next sync.

A server may leave rows out of a page and keep their places. Where it leaves out more in one stretch
than fit a page, no page shows an anchor and reaches beyond: such a stretch is read twice, and must
be the same both times. docs/exactness.md has the whole argument.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_dagctl import timestamps
from tap_dagctl.pagination.dedup import SeenRows
from tap_dagctl.pagination.ending import Ending
from tap_dagctl.pagination.fetcher import Fetcher
from tap_dagctl.pagination.limits import LEAST_ROWS, Limits
from tap_dagctl.pagination.overlap import MOST_ROWS, PageNumber, page_holding
from tap_dagctl.pagination.page import unusable
from tap_dagctl.pagination.position import Position
from tap_dagctl.pagination.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_dagctl.api.client import Client
    from tap_dagctl.pagination.page import Listing, Page
    from tap_dagctl.records.fast_path import Row

    IsAnchor = Callable[[Row], bool]

ROWS_KEPT = 2_500
"""Rows of a walk that are kept to recognise anchors and repeats, besides those that may be fetched
before they are needed; twice as many at most."""

MOST_NEW_ROWS = 100_000
"""Rows a list may grow by while it is read, beyond doubling; and rows of it that may show nothing
new, one after another. Beyond that its pages have no end."""

NEARLY = 0.9
"""So much of its limit a page must have for it not to matter whether it has all of it."""

_STEPS_BACK = (1, 2, 4, 8)
"""Where to look for a lost anchor: half pages further back. The last step is repeated."""

logger = logging.getLogger("tap-dagctl.paginator")


class Paginator:
    """Reads every page of a list whose rows carry `id` and `updated_at`.

    Attributes:
        began: the server's clock when the first page was asked for: a bookmark that misses no
            row, for whatever changes later has a later `updated_at`. Where the server told no
            time, an instant before the latest `updated_at` on the first page with rows, which
            cannot lie after that answer; or this machine's clock, if that is earlier. None before
            the first answer, and where there is neither.
        saw_rows: whether any row came.
        title: what messages call the walk.
    """

    def __init__(self, client: Client, listing: Listing) -> None:
        """Prepare a walk; nothing is asked for before `pages`."""
        self._listing = listing
        self._seen = SeenRows(ROWS_KEPT + MOST_ROWS * listing.connections)
        self._fetcher = Fetcher(client, listing)
        self._limits = Limits(listing.page_size)
        self._ending = Ending()
        self._overlap_rows = 0
        self._is_from_the_start = True
        self._nothing_new = 0
        self.began: int | None = None
        self._end = 0
        self.saw_rows = False
        self.title = listing.title

    @property
    def counts_rows(self) -> bool:
        """Whether any answer counted rows."""
        return self._fetcher.largest_total > 0

    @property
    def position(self) -> Position | None:
        """How far it has got; None where it cannot be gone on with, for want of a clock."""
        if self.began is None:
            return None
        return Position(self.began, self._end, self._limits.cap, self._limits.known)

    def pages(self) -> Iterator[list[Row]]:
        """Yield for each page the rows not yielded before.

        Raises:
            RequestError: a page cannot be had.
            AnswerError: a row has no readable `id` or `updated_at`, so it cannot be kept; or the
                rows move faster than they can be read.
        """
        page = self._get(PageNumber(1, self._listing.page_size))
        self.began = page.answer.asked_at
        yield from self._from(page)

    def resumed(self, before: Position, is_anchor: IsAnchor) -> Iterator[list[Row]]:
        """Go on as `pages` where an earlier walk was cut off, or do as `pages` does.

        Args:
            before: how far that walk got.
            is_anchor: whether a row is one of the last that walk read, unmoved.
        """
        self._limits.cap, self._limits.known = before.cap, before.known
        self._is_from_the_start = False
        page = self._anchored(before.end, is_anchor, furthest=self._listing.page_size)
        if page is None:
            logger.info("%s: begins again, as its rows have moved", self._listing.title)
            yield from self.pages()
        else:
            logger.info("%s: goes on at row %d of %d", self._listing.title, before.end, page.total)
            self.began = before.began
            yield from self._from(self._placed(page, page))

    def _from(self, page: Page) -> Iterator[list[Row]]:
        try:
            yield from self._each_from(page)
        finally:
            self._fetcher.plan(())

    def _each_from(self, page: Page) -> Iterator[list[Row]]:
        progress = Progress(self._listing.title, self._listing.page_size, page.first)
        while True:
            if self.began is None and page.rows:
                # A row may be stamped with the future.
                latest = timestamps.parse(max(moment for _, moment, _ in page.rows))
                self.began = max(0, min(latest - timestamps.TICK, timestamps.now()))
                if page.index > 1:
                    # What changed while nothing was shown must not lie behind this page.
                    page = self._get(PageNumber(1, self._limits.most))
            may_wait = page.end < page.total and page.total_pages > 0 and page.counts_agree
            if self._limits.are_in_doubt(page) and not may_wait:
                settled = self._settled(page)
                if settled is None:
                    page = self._get(page.number)
                    continue
                page = settled
            self._pass(page)
            new = self._seen.new_rows(page)
            self._look_ahead(page)
            if page.rows:
                self._end, self.saw_rows = page.end_of_rows, True
            yield new
            self._nothing_new = 0 if new else self._nothing_new + len(page.rows)
            if max(self._nothing_new, self._end - 2 * self._fetcher.first_total) > MOST_NEW_ROWS:
                raise self._fetcher.endless()
            progress.report(rows=self._end, total=max(self._end, page.total))
            if self._ending.is_at(page):
                return
            following = self._following(page)
            if following is None:
                # All it had read lately has moved: the walk begins again.
                self._is_from_the_start = False
                following = self._get(PageNumber(1, self._limits.most))
            page = following

    def _following(self, page: Page, fetched: Page | None = None) -> Page | None:
        """Return the page that goes on where `page` ends, or None where it cannot be had.

        Args:
            page: the last page that was read.
            fetched: one that may be it.
        """
        number = self._number_after(page.end)
        following = fetched if fetched and fetched.number == number else self._get(number)
        if self._has_anchor(following):
            return self._placed(following, page)
        if self._limits.are_in_doubt(page):
            settled = self._settled(page)
            if settled is None:
                return None
            self._pass(settled)
            return self._following(settled, following)
        found = None
        if page.is_short:
            # Perhaps the rows it should have begun with are left out.
            found = self._beyond_what_is_left_out(page, following)
        if found is None:
            half = max(1, self._listing.page_size // 2)
            found = self._anchored(page.end, self._seen.__contains__, nearest=half)
        return found and self._placed(found, page)

    def _pass(self, page: Page) -> None:
        self._ending.passed(page)
        # Then the next page begins with a row that is there, wherever these are missing.
        self._overlap_rows = max(self._overlap_rows, min(page.missing, self._limits.most // 16))

    def _number_after(self, end: int) -> PageNumber:
        """Return the page to ask for where the list was read up to `end`."""
        while True:
            number = page_holding(max(0, end - 1 - self._overlap_rows), self._limits.most)
            if number.end > end:
                return number
            if not self._overlap_rows:
                what = f"its pages of {self._limits.most} rows are too short to overlap"
                raise unusable(self._listing, what)
            self._overlap_rows //= 2

    def _has_anchor(self, page: Page) -> bool:
        return any(row in self._seen for row in page.rows)

    def _placed(self, page: Page, before: Page) -> Page:
        """Return `page` with the places it has for certain."""
        if page.index == 1 or not page.rows or not self._limits.are_in_doubt(page):
            return page
        # With smaller pages, the second would lie behind all rows that were read.
        is_second = before.index == 1 and self._is_from_the_start
        is_told = page.total_pages > 0 and page.counts_agree
        if is_told and (is_second or self._limits.known < LEAST_ROWS):
            self._limits.believe(page)
            return page
        return self._lowered(page)

    def _lowered(self, page: Page) -> Page:
        """Return `page` with no more places than are known; rows may be missing all the same."""
        self._ending.passed(page)
        return self._limits.lower(page)

    def _settled(self, page: Page) -> Page | None:
        """Return `page`, the first, which is short and may be capped, with the limit it has.

        None if the list has changed since: then another page shows nothing about this one.

        The second page of half its size lies within it. If pages are capped, it shows rows that
        this page does not reach to.
        """
        if self._limits.known >= NEARLY * page.limit:
            # A few places fewer do no harm, and need no request to be sure of.
            return self._lowered(page)
        # What was missing before may just have been beyond its end.
        self._ending, self._overlap_rows = Ending(), 0
        half = max(1, page.limit // 2)
        second = self._get(PageNumber(2, half))
        is_capped = not all(row in self._seen or row in page.rows for row in second.rows)
        if second.total != page.total or (is_capped and self._get(page.number).rows != page.rows):
            return None
        return self._limits.settle(page, reaches=2 * half, is_capped=is_capped)

    def _beyond_what_is_left_out(self, page: Page, following: Page) -> Page | None:
        """Return the page that goes on behind places of `page` that show no row.

        Args:
            page: the last page with an anchor.
            following: the one after it, which has none.
        """
        if page.rows:
            number = page_holding(page.end_of_rows - 1, self._limits.most)
            if number.end - page.end > self._limits.most // 4:
                self._overlap_rows = min(2 * self._overlap_rows + 2, self._limits.most // 4)
                sure = self._get(number)
                return sure if self._has_anchor(sure) else None
        stretch = [page]
        while not following.rows:
            self._ending.passed(following)
            if self._ending.is_at(following):
                break
            self._look_ahead(following)
            stretch.append(following)
            following = self._get(self._number_after(following.end))
        if not following.rows and (page.end >= page.total or not self.saw_rows):
            return following
        if following.asked < page.answered:
            # Fetched ahead: rows may have moved into it before the stretch was read at all.
            stretch.append(following)
        again = [self._get(read.number).rows == read.rows for read in stretch]
        return following if all(again) else None

    def _look_ahead(self, page: Page) -> None:
        """Begin to fetch the pages that come next if no row moves and every page is full.

        That they are fetched out of turn does no harm: a row that has not moved since the walk
        began is where it was, whichever of two pages was read first, and so is an anchor. `_get`
        sees to the rows that have.
        """
        numbers: list[PageNumber] = []
        most = 0 if self._limits.are_in_doubt(page) else self._fetcher.pays(page)
        end = page.end
        while len(numbers) < most and end < page.total:
            numbers.append(self._number_after(end))
            end = numbers[-1].end
        self._fetcher.plan(numbers)

    def _anchored(
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
            page = self._get(page_holding(end - 1 - back, self._limits.most))
            # The server may have capped `limit`: then this is another page than the one meant.
            if any(is_anchor(row) for row in page.rows):
                return page
            back += half * _STEPS_BACK[min(tries, len(_STEPS_BACK) - 1)]
            tries += 1
        return None

    def _get(self, number: PageNumber) -> Page:
        # A page fetched before its turn may show a row as it was before it moved to a page that
        # was read: what has gone out must not go out again as it was before.
        page = self._fetcher.get(number, self._limits.most, self._seen.may_be_newer)
        self._limits.learn(page)
        return page
