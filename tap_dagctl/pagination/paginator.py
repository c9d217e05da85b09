"""The walk over the pages of a list whose rows move while it is read.

Page numbers count positions. A row that is deleted, or moves back, pulls the rows behind it over
the page boundary, unread. Three things together see to it that no row is lost without a word:

- **The proof.** Each page overlaps the page before it and must show an **anchor**, a row of this
  walk that has not moved. Rows that did not move keep their order, so none of them lies unread in
  front of the anchor. Where no page can show one, two neighbouring pages of one size will do if the
  first shows the same before and after the second is read: a **sandwich**.
- **The witness.** The proof cannot know that two answers had the rows in another order, or that a
  row was left out of one. The count in each answer can tell: fewer rows came than were there.
- **The second opinion.** Then the plain loop over all pages is made, in several page sizes.

docs/exactness.md has the whole argument.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_dagctl import timestamps
from tap_dagctl.errors import AnswerError
from tap_dagctl.pagination.checkpoint import Checkpoint
from tap_dagctl.pagination.dedup import SeenRows, is_same_version
from tap_dagctl.pagination.overlap import MOST_ROWS, PageNumber, largest_limit, page_holding
from tap_dagctl.pagination.page import PageRequest
from tap_dagctl.pagination.prefetch import is_worthwhile

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from tap_dagctl.pagination.page import Listing, Page
    from tap_dagctl.pagination.prefetch import Prefetch
    from tap_dagctl.records.fast_path import Row

ROWS_KEPT = 2_500
"""Rows of a walk that are kept whole, besides those fetched before they are needed."""

LONG_WALK_PAGES = 5
"""Pages from which on a walk is long enough for more than one connection."""

LEAST_ROWS = 11
"""Page sizes below that are not taken for a server's largest: such pages overlap badly."""

MOST_EMPTY_PAGES = 10
"""Pages without a row, or with nothing new, after which the rest of a list is taken for empty."""

MOST_REQUESTS_A_PAGE = 6
"""Requests for each page of a list after which the walk is given up and only the count decides."""

MOST_NEW_ROWS = 1_000_000
"""Rows a list may show beyond twice those it counted; a list with more has no end."""

HOUR = 3_600 * timestamps.NANOSECONDS

NO_CLOCK = (
    "the bookmark is this machine's clock less an hour; check that clock, and read again from an "
    "earlier start_date if it was ahead"
)

logger = logging.getLogger("tap-dagctl.paginator")


class Paginator:
    """Reads every page of a list whose rows carry `id` and `updated_at`.

    Attributes:
        started_at: the server's clock when the first page was asked for: a bookmark that misses no
            row, because whatever changes later has a later `updated_at`. Without a server's clock,
            this machine's less an hour. 0 before the first answer.
        checkpoint: how far it has got; None before the first row.
        total: how many rows there were when the walk began, by the server's count less the surplus.
        missing: how many rows the server counts and did not show; known at the end.
        title: what messages call the walk.
    """

    def __init__(
        self, prefetch: Prefetch, listing: Listing, *, expected: int = 0, surplus: int = 0
    ) -> None:
        """Prepare a walk; nothing is asked for before `pages` or `resumed`.

        Args:
            prefetch: makes the requests.
            listing: the list.
            expected: how many rows there were when an earlier sync did not get all of them.
            surplus: how many more rows the server is known to count than it shows.
        """
        self.title = listing.title
        self.started_at = self.total = self.missing = 0
        self.checkpoint: Checkpoint | None = None
        self._prefetch, self._listing = prefetch, listing
        self._expected, self._surplus = expected, surplus
        after = listing.params.get("updated_after")
        self._seen = SeenRows(
            ROWS_KEPT + MOST_ROWS * listing.connections, None if after is None else str(after)
        )
        self._counted_at: int | None = None
        self._counted_before = 0
        self._last_total = self._highest_total = self._requests = self._fullest = 0
        self._has_total_fallen = False
        self._counts_are_right: bool | None = None
        self._cap = MOST_ROWS
        self._pages_without_overlap = self._failed_overlaps = 0

    def pages(self) -> Iterator[list[Row]]:
        """Yield for each page the rows not yielded before.

        Raises:
            RequestError: a page cannot be had.
            AnswerError: a row has no readable `id` or `updated_at`, so it cannot be kept; or the
                list has no end.
        """
        page = self._get(PageNumber(1, self._listing.page_size))
        if page.answer.asked_at is None or page.answer.server_time is None:
            self.started_at = timestamps.now() - HOUR
            logger.warning("%s: the server tells no time; %s", self.title, NO_CLOCK)
        else:
            self.started_at = page.answer.asked_at
            # The server's time has whole seconds.
            self._counted_at = page.answer.server_time + timestamps.NANOSECONDS
            self._seen.unmoved_until = timestamps.render(self.started_at)
        self.total = max(page.total - self._surplus, self._expected)
        yield from self._read(page)

    def resumed(
        self, before: Checkpoint, distance: Callable[[Row], int | None]
    ) -> Iterator[list[Row]]:
        """Resume where an earlier walk was interrupted, or do as `pages` does.

        Args:
            before: how far that walk got.
            distance: how many rows before the last one that walk read this row, unmoved; None
                where it is not known to have.
        """
        self._cap = before.cap
        half = max(1, self._listing.page_size // 2)
        for back in range(0, min(before.end, 2 * half + 1), half):
            page = self._get(page_holding(before.end - 1 - back, self._most))
            if not (end := _place_of_end(page, distance)):
                continue
            logger.info("%s: resumes at row %d of %d", self.title, before.end, page.total)
            self.started_at = before.started_at
            self.total = max(before.total, self._expected)
            if page.answer.server_time is not None:
                self._counted_at = before.started_at + 2 * timestamps.NANOSECONDS
                self._seen.unmoved_until = timestamps.render(before.started_at)
            # Those in front of that place come again.
            again = [row for row in page.rows[:end] if row[1] <= self._seen.unmoved_until]
            self._counted_before = before.counted - len(again)
            yield from self._read(page)
            return
        logger.info("%s: begins again, as its rows have moved", self.title)
        yield from self.pages()

    def _read(self, page: Page) -> Iterator[list[Row]]:
        try:
            is_proven = yield from self._walk(page)
            yield from self._second_opinion(is_proven=is_proven)
        finally:
            self._prefetch.plan_pages(())

    def _walk(self, page: Page) -> Generator[list[Row], None, bool]:
        """Yield the new rows, page by page; return whether that came to the end of the list."""
        last, stalled = "", 0
        while stalled <= MOST_EMPTY_PAGES and self._requests <= self._most_requests:
            new = self._take(page)
            self._note_checkpoint(page)
            self._plan_after(page)
            yield new
            self._listing.report(page.end_of_rows, max(page.end_of_rows, page.total))
            if self._ends_with(page):
                return True
            is_new = new or (page.rows and page.rows[-1][0] != last)
            stalled = 0 if is_new else stalled + 1
            last = page.rows[-1][0] if page.rows else last
            page = self._following(page)
        return False

    def _note_checkpoint(self, page: Page) -> None:
        if not self._seen.are_in_order:
            # Rows read before may come again, so neither a place nor a count can be relied on.
            self.checkpoint, self._counted_before = None, 0
        elif page.rows:
            self.checkpoint = Checkpoint(
                self.started_at, page.end_of_rows, self._cap, self._count, self.total, page.rows
            )

    # Which page comes next.

    @property
    def _most(self) -> int:
        return min(self._cap, largest_limit(self._listing.page_size))

    @property
    def _most_requests(self) -> int:
        size = max(1, min(self._fullest, self._listing.page_size))
        return MOST_REQUESTS_A_PAGE * (10 + max(self.total, self._count) // size)

    def _get(self, number: PageNumber, *, now: bool = False) -> Page:
        """Return a page.

        Args:
            number: which one.
            now: whether one that was fetched ahead will not do.
        """
        self._requests += 1
        request = PageRequest.of(self._listing, number)
        page = (self._prefetch.client if now else self._prefetch).get(request)
        if self._seen.may_be_newer(page):
            # A row that has been yielded must not be yielded again as it was before.
            page = self._prefetch.client.get(request)
        if page.limit < number.limit:
            self._cap = min(self._cap, page.limit)
        return page

    def _overlapping(self, page: Page) -> PageNumber | None:
        """Return the page that shows the last row of `page` and reaches further; None without."""
        if not page.rows or self._pages_without_overlap:
            return None
        # Where rows are left out, it lies at this place or behind it, and is on that page as well.
        number = page_holding(page.end_of_rows - 1, self._most)
        return number if number.end > page.end else None

    def _following(self, page: Page) -> Page:
        """Return the page to read after `page`."""
        number = self._overlapping(page)
        self._pages_without_overlap = max(0, self._pages_without_overlap - 1)
        if number:
            following = self._get(number)
            if self._has_anchor(following) and (
                self._seen.has_new(following) or _goes_further(following, page)
            ):
                self._failed_overlaps = 0
                return following
            # Perhaps the server does not know such a page size: try it ever more rarely.
            self._pages_without_overlap = 2**self._failed_overlaps - 1
            self._failed_overlaps += 1
        return self._sandwiched(page) or self._further_back(page)

    def _sandwiched(self, page: Page) -> Page | None:
        """Return the next page of the same size, if nothing slid from there to `page` meanwhile."""
        following = self._get(replace(page.number, page=page.number.page + 1), now=True)
        if self._has_anchor(following) and self._seen.has_new(following):
            return following
        once_more = self._get(page.number, now=True)
        if not _show_the_same(once_more, page):
            return once_more if self._has_anchor(once_more) else None
        rows = len(following.rows)
        if LEAST_ROWS <= rows == len(page.rows) < following.limit:
            # The server gives no more than that, whatever it says.
            self._cap = min(self._cap, rows)
            return replace(following, limit=rows)
        return following

    def _further_back(self, page: Page) -> Page:
        """Return a page further in front that shows an anchor, or else the first page."""
        back = half = max(1, self._listing.page_size // 2)
        while back < page.end_of_rows:
            found = self._get(page_holding(page.end_of_rows - 1 - back, self._most), now=True)
            if self._has_anchor(found):
                return found
            back = 2 * back + half
        # All that was read lately has moved: the walk begins again.
        self._seen.remember_all()
        return self._get(PageNumber(1, self._most), now=True)

    def _has_anchor(self, page: Page) -> bool:
        return any(row in self._seen for row in page.rows)

    def _plan_after(self, page: Page) -> None:
        """Fetch ahead the pages that come next if no row moves and every page is full.

        That they are fetched out of turn does no harm: a row that has not moved since the walk
        began is where it was, whichever of two pages was read first, and so is an anchor. `_get`
        sees to the rows that have.
        """
        is_long = page.total > LONG_WALK_PAGES * self._listing.page_size
        number = self._overlapping(page) if page.end < page.total else None
        planned: list[PageNumber] = []
        if is_long and is_worthwhile(self._prefetch.client.waits):
            while number and len(planned) < self._listing.connections:
                planned.append(number)
                following = page_holding(number.end - 1, self._most)
                is_needed = number.end < page.total and following.end > number.end
                number = following if is_needed else None
        self._prefetch.plan_pages(PageRequest.of(self._listing, number) for number in planned)

    # Whether every row has come.

    @property
    def _count(self) -> int:
        """How many of the rows that were counted have come; one that came again counts twice."""
        return self._counted_before + len(self._seen) - self._came_later

    @property
    def _distinct(self) -> int:
        return self._counted_before + self._seen.distinct() - self._came_later

    @property
    def _came_later(self) -> int:
        # Once the count has fallen, nothing says any more which rows it counts.
        return 0 if self._has_total_fallen else self._seen.came_later

    @property
    def excess(self) -> int:
        """How many rows more came than the server counts, less the surplus."""
        return max(0, self._distinct - self.total)

    @property
    def _needed(self) -> int:
        """How many rows there are by the server's count, or were before it lost sight of them."""
        return max(min(self.total, self._last_total), self._expected)

    def _can_count(self) -> bool:
        if self._counts_are_right is None:
            ask = self._listing.counts_heed_filter
            self._counts_are_right = ask is None or ask(self.started_at)
        return self._counts_are_right

    def _take(self, page: Page) -> list[Row]:
        """Return the new rows of `page`, and take note of how many there are."""
        if page.rows or not self._fullest:
            # A count of 0 after rows came is not believed.
            before, self._last_total = self._last_total, page.total - self._surplus
            self._has_total_fallen = self._has_total_fallen or self._last_total < before
            self._highest_total = max(self._highest_total, self._last_total)
        if self._has_total_fallen or self._counted_at is None:
            # Rows that were deleted, or that came later, must not make up the number of others.
            self.total = max(self.total, self._highest_total)
        self._fullest = max(self._fullest, len(page.rows))
        new = self._seen.add(page)
        # What the first page shows was there when it was counted, however it is stamped.
        self._seen.counted_at = self._counted_at
        if self._count > 2 * self.total + MOST_NEW_ROWS:
            raise AnswerError(
                f"GET {self._listing.path}: its pages have no end: {self._count} rows came where "
                f"{self.total} were counted; report it to dagctl"
            )
        return new

    def _ends_with(self, page: Page) -> bool:
        may_be_capped = page.index > 1 and len(page.rows) >= self._fullest
        if page.is_full or (page.rows and may_be_capped):
            return False
        if not page.rows and page.first >= page.total:
            return True
        if self._count > max(self.total, page.total):
            return not page.rows
        if self._count < self._needed:
            # Whether a first page that is short is capped, the next one shows.
            is_counted = page.index > 1 and page.end >= page.total
            return is_counted if self._can_count() else not page.rows
        return page.end >= page.total

    def _is_complete(self, *, is_proven: bool) -> bool:
        """Return whether all rows have come that there were when the walk began."""
        needed = self._needed if self._counted_before else self.total
        if self._count >= needed and self._distinct >= needed:
            return True
        return is_proven and not self._can_count()

    def _second_opinion(self, *, is_proven: bool) -> Iterator[list[Row]]:
        """Read the list page by page, in several page sizes, while rows are owed and more come.

        Pages of one size agree with each other on the order in which a database returns rows of
        equal rank, so a second loop of the same size would show the same.
        """
        for tenths in range(10, 0, -1):
            if self._is_complete(is_proven=is_proven):
                return
            # What came before an interruption comes again.
            self._counted_before = 0
            self._seen.remember_all()
            count, shown = self._count, set[int]()
            for page in self._loop(max(1, self._listing.page_size * tenths // 10), shown):
                yield self._take(page)
                if self._is_complete(is_proven=is_proven):
                    return
            if len(shown) >= max(self._last_total, self._expected):
                # This loop alone showed all that there is.
                return
            if self._count == count:
                break
        else:
            shown = set()
        counted = max(self._seen.counted_among(shown), self._distinct)
        missing = self._needed - counted if self._can_count() else 0
        self.missing = max(missing, int(not is_proven and not shown))

    def _loop(self, size: int, shown: set[int]) -> Iterator[Page]:
        """Yield page 1, 2, 3, …, as a plain loop reads them, and add the ids to `shown`."""
        index = empty = 0
        while empty <= MOST_EMPTY_PAGES:
            index += 1
            page, before = self._get(PageNumber(index, size), now=True), len(shown)
            shown.update(hash(key) for key, _, _ in page.rows)
            yield page
            empty = 0 if len(shown) > before else empty + 1
            # Rows that are left out of the pages may be left out of the count as well.
            is_beyond = page.first >= page.total + page.limit // 2 and index >= page.total_pages
            if is_beyond and not page.rows:
                return


def _goes_further(page: Page, before: Page) -> bool:
    """Return whether `page` covers places behind `before`, even if none of them shows a row."""
    last = before.rows[-1]
    return page.end > before.end and any(is_same_version(row, last) for row in page.rows)


def _place_of_end(page: Page, distance: Callable[[Row], int | None]) -> int | None:
    """Return where in `page` the rows end that a walk read before it was interrupted.

    None unless three anchors, or as many as there may be, say the same: one alone may be there by
    chance where the order differs from answer to answer.
    """
    ends = Counter(
        place + far for place, row in enumerate(page.rows, 1) if (far := distance(row)) is not None
    )
    (end, anchors), *_ = ends.most_common(1) or [(0, 0)]
    return end if anchors >= min(3, end) else None


def _show_the_same(page: Page, other: Page) -> bool:
    return len(page.rows) == len(other.rows) and all(map(is_same_version, page.rows, other.rows))
