"""The walk over the pages of a list whose rows move while it is read.

Each page must prove that no row slid past the walk (`next_page.py`). The count in each answer shows
whether rows are missing (`count.py`); if so, plain loops read all pages again. docs/exactness.md
has the argument.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator

from tap_dagctl import timestamps
from tap_dagctl.api.prefetch import Prefetch
from tap_dagctl.errors import AnswerError
from tap_dagctl.pagination.count import RowCount
from tap_dagctl.pagination.dedup import SeenRows
from tap_dagctl.pagination.next_page import MAX_ROWS, NextPage
from tap_dagctl.pagination.page import Checkpoint, Listing, Page, PageNumber
from tap_dagctl.records.record import Row
from tap_dagctl.timestamps import Instant

# How many rows of a walk to keep whole, besides those fetched ahead.
ROWS_KEPT = 2_500
# After this many pages in a row without a new row, the rest of a list counts as empty.
MAX_EMPTY_PAGES = 10
# After this many requests per page of the list, give up the walk and go by the count alone.
MAX_REQUESTS_A_PAGE = 6
# A list that shows more rows than twice its count plus this number has no end.
MAX_NEW_ROWS = 1_000_000

logger = logging.getLogger("tap-dagctl.paginator")


class Paginator:
    """Reads every page of a list whose rows carry `id` and `updated_at`.

    `started_at` is the server's clock when the first page was asked for; without one, this
    machine's less an hour. The `checkpoint` comes with the rows of the last page; without one the
    walk cannot be resumed. At the end, `missing` rows were counted by the server and not shown.
    """

    def __init__(
        self, prefetch: Prefetch, listing: Listing, *, expected: int = 0, surplus: int = 0
    ) -> None:
        self.started_at = self.missing = 0
        self.checkpoint: tuple[Checkpoint, list[Row]] | None = None
        self.count = RowCount(listing.params.get("updated_after"), expected, surplus)
        self._prefetch, self._listing = prefetch, listing
        self._seen = SeenRows(ROWS_KEPT + MAX_ROWS * prefetch.connections)
        self._next_page = NextPage(prefetch, listing, self._seen)
        # The number of rows in the fullest page, and whether a page had more rows than its limit.
        self._fullest, self._is_limit_ignored = 0, False
        # Whether the walk reached the end of the list.
        self._is_proven = False

    def pages(self) -> Iterator[list[Row]]:
        """Yield the new rows and versions of each page."""
        page = self._next_page.get(PageNumber(1, self._listing.page_size))
        if page.answer.asked_at is None:
            self.started_at = timestamps.now() - 3_600 * timestamps.NANOSECONDS
            logger.warning(
                "%s: the server tells no time; the bookmark is this machine's clock less an hour; "
                "check that clock, and read again from an earlier start_date if it was ahead",
                self._listing.title,
            )
        else:
            self.started_at = page.answer.asked_at
            self._seen.unmoved_until = timestamps.render(self.started_at)
        yield from self._read(page)

    def resumed(
        self, before: Checkpoint, end_in: Callable[[list[Row]], int | None]
    ) -> Iterator[list[Row]]:
        """Resume an interrupted walk, or begin again like `pages`.

        `end_in` returns how many rows of a page that walk had read, or None if that is uncertain.
        """
        self._next_page.cap = before.cap
        half = max(1, self._listing.page_size // 2)
        for back in range(0, min(before.end, 2 * half + 1), half):
            page = self._next_page.holding(before.end - 1 - back)
            if end := end_in(page.rows):
                title = self._listing.title
                logger.info("%s: resumes at row %d of %d", title, before.end, page.total)
                self.started_at, counted_at = before.began, None
                if page.answer.server_time is not None:
                    self._seen.unmoved_until = timestamps.render(before.began)
                    counted_at = timestamps.render(before.began + 2 * timestamps.NANOSECONDS)
                # The rows before that place come again.
                again = sum(row[1] <= self._seen.unmoved_until for row in page.rows[:end])
                self.count.resume(before.counted - again, before.total, counted_at)
                yield from self._read(page)
                return
        logger.info("%s: begins again, as its rows have moved", self._listing.title)
        yield from self.pages()

    def _read(self, page: Page) -> Iterator[list[Row]]:
        try:
            yield from self._walk(page)
            if not self._is_complete():
                yield from self._second_opinion()
        finally:
            self._prefetch.plan_pages(())

    def _walk(self, page: Page) -> Iterator[list[Row]]:
        last, stalled = "", 0
        while stalled <= MAX_EMPTY_PAGES and not self._is_given_up:
            new = self._take(page)
            self._note_checkpoint(page)
            self._next_page.plan_after(page)
            yield new
            self._listing.report(page.end_of_rows, page.total)
            if self._ends_with(page):
                self._is_proven = True
                return
            last_before, last = last, page.rows[-1][0] if page.rows else last
            stalled = 0 if new or last != last_before else stalled + 1
            page = self._next_page.after(page)
            if page.first == 0 and not self._seen.has_anchor(page.rows):
                self.count.recognise_all()

    @property
    def _is_given_up(self) -> bool:
        size = max(1, min(self._fullest, self._listing.page_size))
        pages = 10 + max(self.count.total, len(self.count)) // size
        return self._next_page.requests > MAX_REQUESTS_A_PAGE * pages

    def _take(self, page: Page) -> list[Row]:
        """Return the rows of `page` in a version not seen before, and count them."""
        self._fullest = max(self._fullest, len(page.rows))
        self._is_limit_ignored |= len(page.rows) > page.limit
        changed, new = self._seen.add(page.rows, page.answer.received)
        if known := self.count.add(page, new):
            # If one of these has changed, it changed after the walk began, so the next sync reads
            # it.
            changed = [row for row in changed if row[0] not in known]
        came, total = len(self.count), self.count.total
        if came > 2 * total + MAX_NEW_ROWS:
            raise AnswerError(
                f"GET {self._listing.path}: its pages have no end: {came} rows came where {total} "
                "were counted; report it to dagctl"
            )
        return changed

    def _note_checkpoint(self, page: Page) -> None:
        if self._next_page.has_left_overlap or not self._seen.are_in_order:
            # Rows from before an interruption may come again, and would be counted twice.
            self.count.before = 0
        if not self._seen.are_in_order:
            self.checkpoint = None
        elif page.rows:
            checkpoint = Checkpoint(
                began=Instant(self.started_at),
                end=page.end_of_rows,
                cap=self._next_page.cap,
                counted=len(self.count),
                total=self.count.total,
            )
            self.checkpoint = checkpoint, page.rows

    def _ends_with(self, page: Page) -> bool:
        may_be_capped = page.page > 1 and len(page.rows) >= self._fullest
        is_unclear = self._is_limit_ignored or self._next_page.is_displaced
        if page.rows and (page.is_full or may_be_capped or is_unclear):
            return False
        if not page.rows and page.first >= page.total:
            return True
        if len(self.count) > max(self.count.total, page.total):
            return not page.rows
        if len(self.count) < self.count.needed:
            # The next page shows whether a short first page was capped.
            is_counted = page.page > 1 and page.end >= page.total
            return is_counted if self._can_count() else not page.rows
        return page.end >= page.total

    def _can_count(self) -> bool:
        is_filtered = "updated_after" in self._listing.params
        return not is_filtered or self._listing.counts_heed_filter(self.started_at)

    def _is_complete(self) -> bool:
        # If the count agrees, as it nearly always does, `_can_count` need not send a request.
        return not self.count.missing() or (self._is_proven and not self._can_count())

    def _second_opinion(self) -> Iterator[list[Row]]:
        """Read all pages again, in ever smaller sizes, while rows are missing and more come.

        A database tends to return rows of equal rank in the same order for the same page size, so a
        second loop of the same size would show the same rows.
        """
        for tenths in range(10, 0, -1):
            self.count.begin_loop()
            before = len(self.count)
            for page in self._loop(max(1, self._listing.page_size * tenths // 10)):
                yield self._take(page)
                # If more rows have come than were counted, the count does not say where they end.
                if self._is_complete() and not self.count.excess:
                    return
            if self._is_complete():
                return
            finds_more = len(self.count) > before
            if not finds_more:
                break
        self.missing = self.count.missing() if self._can_count() else 0
        if finds_more and not self._is_proven:
            self.missing = max(self.missing, 1)

    def _loop(self, size: int) -> Iterator[Page]:
        """Yield page 1, 2, 3, … until no more rows come."""
        shown: set[str] = set()
        empty = 0
        for index in itertools.count(1):
            page, before = self._next_page.get(PageNumber(index, size), now=True), len(shown)
            shown.update(key for key, _, _ in page.rows)
            yield page
            empty = 0 if len(shown) > before else empty + 1
            # The server may leave rows out of the count as well as out of the pages.
            is_beyond = page.first >= page.total + page.limit // 2 and index >= page.total_pages
            if empty > MAX_EMPTY_PAGES or (is_beyond and not page.rows):
                return
