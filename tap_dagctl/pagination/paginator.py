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
from tap_dagctl.pagination.overlap import PageNumber, page_holding
from tap_dagctl.pagination.position import Position
from tap_dagctl.pagination.progress import WalkProgress
from tap_dagctl.pagination.reader import PageReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_dagctl.pagination.openings import Openings
    from tap_dagctl.pagination.page import Listing, Page
    from tap_dagctl.pagination.reader import IsAnchor
    from tap_dagctl.records.fast_path import Row

MOST_NEW_ROWS = 100_000
"""Rows a list may grow by while it is read, beyond doubling; and rows of it that may show nothing
new, one after another. Beyond that its pages have no end."""

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

    def __init__(self, openings: Openings, listing: Listing) -> None:
        """Prepare a walk; nothing is asked for before `pages`."""
        self._listing = listing
        self._reader = PageReader(openings, listing)
        self._is_from_the_start = True
        self._nothing_new = 0
        self.began: int | None = None
        self._end = 0
        self.saw_rows = False
        self.title = listing.title

    @property
    def counts_rows(self) -> bool:
        """Whether any answer counted rows."""
        return self._reader.fetcher.largest_total > 0

    @property
    def position(self) -> Position | None:
        """How far it has got; None where it cannot be gone on with, for want of a clock."""
        if self.began is None:
            return None
        return Position(self.began, self._end, self._reader.limits.cap, self._reader.limits.known)

    def pages(self) -> Iterator[list[Row]]:
        """Yield for each page the rows not yielded before.

        Raises:
            RequestError: a page cannot be had.
            AnswerError: a row has no readable `id` or `updated_at`, so it cannot be kept; or the
                rows move faster than they can be read.
        """
        page = self._reader.get(self._listing.first_page)
        self.began = page.answer.asked_at
        yield from self._from(page)

    def resumed(self, before: Position, is_anchor: IsAnchor) -> Iterator[list[Row]]:
        """Go on as `pages` where an earlier walk was cut off, or do as `pages` does.

        Args:
            before: how far that walk got.
            is_anchor: whether a row is one of the last that walk read, unmoved.
        """
        self._reader.limits.cap, self._reader.limits.known = before.cap, before.known
        self._is_from_the_start = False
        page = self._reader.anchored(before.end, is_anchor, furthest=self._listing.page_size)
        if page is None:
            logger.info("%s: begins again, as its rows have moved", self._listing.title)
            yield from self.pages()
        else:
            logger.info("%s: goes on at row %d of %d", self._listing.title, before.end, page.total)
            self.began = before.began
            yield from self._from(self._reader.placed(page))

    def _from(self, page: Page) -> Iterator[list[Row]]:
        try:
            yield from self._each_from(page)
        finally:
            self._reader.fetcher.plan(())

    def _each_from(self, page: Page) -> Iterator[list[Row]]:
        progress = WalkProgress(self._listing.title, self._listing.page_size, page.first)
        while True:
            if self.began is None and page.rows:
                # A row may be stamped with the future.
                latest = timestamps.parse(max(moment for _, moment, _ in page.rows))
                self.began = max(0, min(latest - timestamps.TICK, timestamps.now()))
                if page.index > 1:
                    # What changed while nothing was shown must not lie behind this page.
                    page = self._reader.get(PageNumber(1, self._reader.limits.most))
            may_wait = page.end < page.total and page.total_pages > 0 and page.counts_agree
            if self._reader.limits.are_in_doubt(page) and not may_wait:
                settled = self._reader.settled(page)
                if settled is None:
                    page = self._reader.get(page.number)
                    continue
                page = settled
            self._reader.pass_by(page)
            new = self._reader.seen.new_rows(page)
            self._reader.prefetch_after(page)
            if page.rows:
                self._end, self.saw_rows = page.end_of_rows, True
            yield new
            self._nothing_new = 0 if new else self._nothing_new + len(page.rows)
            if (
                max(self._nothing_new, self._end - 2 * self._reader.fetcher.first_total)
                > MOST_NEW_ROWS
            ):
                raise self._reader.fetcher.endless()
            progress.report(self._end, max(self._end, page.total))
            if self._reader.ending.is_at(page):
                return
            following = self._following(page)
            if following is None:
                # All it had read lately has moved: the walk begins again.
                self._is_from_the_start = False
                following = self._reader.get(PageNumber(1, self._reader.limits.most))
            page = following

    def _following(self, page: Page, fetched: Page | None = None) -> Page | None:
        """Return the page that goes on where `page` ends, or None where it cannot be had.

        Args:
            page: the last page that was read.
            fetched: one that may be it.
        """
        number = self._reader.number_after(page.end)
        following = fetched if fetched and fetched.number == number else self._reader.get(number)
        if self._reader.has_anchor(following):
            return self._placed(following, page)
        if self._reader.limits.are_in_doubt(page):
            settled = self._reader.settled(page)
            if settled is None:
                return None
            self._reader.pass_by(settled)
            return self._following(settled, following)
        found = None
        if page.is_short:
            # Perhaps the rows it should have begun with are left out.
            found = self._beyond_what_is_left_out(page, following)
        if found is None:
            half = max(1, self._listing.page_size // 2)
            found = self._reader.anchored(page.end, self._reader.seen.__contains__, nearest=half)
        return found and self._placed(found, page)

    def _placed(self, page: Page, before: Page) -> Page:
        # With smaller pages, the second would lie behind all rows that were read.
        is_second = before.index == 1 and self._is_from_the_start
        return self._reader.placed(page, is_second=is_second)

    def _beyond_what_is_left_out(self, page: Page, following: Page) -> Page | None:
        """Return the page that goes on behind places of `page` that show no row.

        Args:
            page: the last page with an anchor.
            following: the one after it, which has none.
        """
        if page.rows:
            number = page_holding(page.end_of_rows - 1, self._reader.limits.most)
            if number.end - page.end > self._reader.limits.most // 4:
                self._reader.overlap_rows = min(
                    2 * self._reader.overlap_rows + 2, self._reader.limits.most // 4
                )
                sure = self._reader.get(number)
                return sure if self._reader.has_anchor(sure) else None
        stretch = [page]
        while not following.rows:
            self._reader.ending.passed(following)
            if self._reader.ending.is_at(following):
                break
            self._reader.prefetch_after(following)
            stretch.append(following)
            following = self._reader.get(self._reader.number_after(following.end))
        if not following.rows and (page.end >= page.total or not self.saw_rows):
            return following
        if following.asked < page.answered:
            # Fetched ahead: rows may have moved into it before the stretch was read at all.
            stretch.append(following)
        again = [self._reader.get(read.number).rows == read.rows for read in stretch]
        return following if all(again) else None
