"""The walk over the pages of a list whose rows move while it is read.

Page numbers count positions. A row that is deleted, or moves back, pulls the rows behind it over
the page boundary, unread. So each page overlaps the page before it, and must show a row of this
walk unmoved: an **anchor**. Rows that did not move keep their order, so nothing that did not move
can lie between the anchor and what was read before. A page without an anchor is not used; the walk
steps back until it finds one, or begins again. A row that did move changed after the walk began:
it has a later `updated_at`, and belongs to the next sync. docs/exactness.md has the whole argument.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from tap_dagctl import timestamps
from tap_dagctl.ahead import Ahead
from tap_dagctl.errors import AnswerError
from tap_dagctl.offsets import MOST_ROWS, PageNumber, largest_limit, page_holding
from tap_dagctl.pages import read_page, unusable
from tap_dagctl.progress import Progress
from tap_dagctl.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_dagctl.client import Client
    from tap_dagctl.pages import Listing, Page
    from tap_dagctl.structs import Row

    IsAnchor = Callable[[Row], bool]

ROWS_KEPT = 2_500
"""Rows of a walk that are kept to recognise anchors and repeats, besides those that may be fetched
before they are needed; twice as many at most."""

LONG_WALK_PAGES = 5
"""Pages from which on a walk is long enough for more than one connection."""

WORTH_WAITING_SECONDS = 0.002
"""What a server must make a walk wait for each page before more than one connection pays: threads
have their price, and a page takes a few milliseconds to deal with."""

MOST_REQUESTS_A_PAGE = 6
"""Requests a walk may make for each page it would need if nothing moved, before it gives up."""

MOST_NEW_ROWS = 100_000
"""Rows a list may grow by while it is read, beyond doubling; and rows of it that may show nothing
new, one after another. Beyond that its pages have no end."""

_BACK = (1, 2, 4, 8)
"""Where to look for a lost anchor: half pages further back. The last step is repeated."""

logger = logging.getLogger("tap-dagctl.pagination")


class Walk:
    """Reads every page of a list whose rows carry `id` and `updated_at`.

    Attributes:
        began: the server's clock when the first page was asked for: a bookmark that misses no
            row, for whatever changes later has a later `updated_at`. Where the server told no
            time, an instant before the latest `updated_at` on the first page, which cannot lie
            after that answer; or this machine's clock, if that is earlier. None before the first
            answer, and where there is neither.
        server_time: the server's clock at the first answer, or None where it did not tell.
        end: offset behind the last row read.
        cap: the most rows the server gives in a page, as far as is known.
        title: what messages call the walk.
    """

    def __init__(self, client: Client, listing: Listing) -> None:
        """Prepare a walk; nothing is asked for before `pages`."""
        self._client = client
        self._listing = listing
        self._recent = Recent(ROWS_KEPT + MOST_ROWS * listing.connections)
        self._ahead = Ahead(self._fetch)
        self._ticks = count()
        self._requests = 0
        self._first_total: int | None = None
        self._largest_total = 0
        self._nothing_new = 0
        self._most_given = 0
        self._waits: deque[float] = deque(maxlen=LONG_WALK_PAGES)
        self.began: int | None = None
        self.server_time: int | None = None
        self.end = 0
        self.cap = MOST_ROWS
        self.title = listing.title

    @property
    def _most(self) -> int:
        return min(self.cap, largest_limit(self._listing.page_size))

    def pages(self) -> Iterator[list[Row]]:
        """Yield for each page the rows not yielded before.

        Raises:
            RequestError: a page cannot be had.
            AnswerError: a row has no readable `id` or `updated_at`, so it cannot be kept; or the
                rows move faster than they can be read.
        """
        page = self._get(PageNumber(1, self._listing.page_size))
        self.began = page.answer.asked_at
        if self.began is None and page.rows:
            # A row may be stamped with the future.
            latest = timestamps.parse(max(moment for _, moment, _ in page.rows))
            self.began = max(0, min(latest - timestamps.TICK, timestamps.now()))
        yield from self._from(page)

    def resumed(self, end: int, began: int, cap: int, is_anchor: IsAnchor) -> Iterator[list[Row]]:
        """Go on as `pages` where an earlier walk was cut off, or do as `pages` does.

        Args:
            end: offset behind the last row that walk read.
            began: when that walk began.
            cap: the most rows the server gave it in a page.
            is_anchor: whether a row is one of the last that walk read, unmoved.
        """
        self.cap = min(self.cap, cap)
        page = self._anchored(end, is_anchor, furthest=self._listing.page_size)
        if page is None or page.disagrees:
            logger.info("%s: begins again, as its rows have moved", self._listing.title)
            yield from self.pages()
        else:
            logger.info("%s: goes on at row %d of %d", self._listing.title, end, page.total)
            self.began = began
            yield from self._from(page)

    def _from(self, page: Page) -> Iterator[list[Row]]:
        try:
            yield from self._each_from(page)
        finally:
            self._ahead.plan(())

    def _each_from(self, page: Page) -> Iterator[list[Row]]:
        progress = Progress(self._listing.title, self._listing.page_size, page.first)
        self.server_time = page.answer.server_time
        while True:
            if page.disagrees:
                page = self._settled(page)
            self.end = page.end
            self._look_ahead(page)
            new = self._recent.new_of(page)
            yield new
            self._nothing_new = 0 if new else self._nothing_new + len(page.rows)
            if max(self._nothing_new, self.end - 2 * (self._first_total or 0)) > MOST_NEW_ROWS:
                raise self._endless()
            progress.report(rows=self.end, total=max(self.end, page.total))
            if page.is_last:
                return
            following = self._anchored(self.end, self._recent.__contains__)
            if following is None:
                # All it had read lately has moved: the walk begins again.
                following = self._get(PageNumber(1, self._most))
            page = following

    def _settled(self, page: Page) -> Page:
        """Return the page to go on with where `page` has fewer rows than fit and are counted.

        Either the count was taken a moment before or after the rows, or it is wrong, or the
        server caps `limit` without telling, and then nothing follows from a page that is short.

        Raises:
            AnswerError: rows are counted, and none are there.
        """
        if page.limit <= self._most_given:
            return _ended(page)
        number = PageNumber(1, page.limit)
        first = self._get(number)
        if not first.disagrees:
            return first if page.first == 0 or first.is_short else _ended(page)
        if not first.rows:
            raise unusable(self._listing, f"the answer counts {first.total} rows and has none")
        if not self._get(PageNumber(2, len(first.rows))).rows:
            return _ended(first)
        again = self._get(number)
        if len(again.rows) == len(first.rows):
            self.cap = min(self.cap, len(again.rows))
            return replace(again, limit=len(again.rows))
        return _ended(again) if again.disagrees else again

    def _look_ahead(self, page: Page) -> None:
        """Begin to fetch the pages that come next if no row moves and every page is full.

        That they are fetched out of turn does no harm: a row that has not moved since the walk
        began is where it was, whichever of two pages was read first, and so is an anchor. `_get`
        sees to the rows that have.
        """
        numbers: list[PageNumber] = []
        is_long = page.total > LONG_WALK_PAGES * self._listing.page_size
        pays = is_long and not page.is_short and min(self._waits) > WORTH_WAITING_SECONDS
        most = self._listing.connections if pays else 0
        end = self.end
        while len(numbers) < most and end < page.total:
            number = page_holding(end - 1, self._most)
            if number.end <= end:
                break
            numbers.append(number)
            end = number.end
        self._ahead.plan(numbers)

    def _anchored(self, end: int, is_anchor: IsAnchor, furthest: int | None = None) -> Page | None:
        """Return a page that holds an anchor and reaches beyond it, or None.

        Args:
            end: the list was read up to this offset.
            is_anchor: whether a row was read before and has not moved.
            furthest: how many rows back to look; by default to the beginning of the list.
        """
        half = max(1, self._listing.page_size // 2)
        back = tries = 0
        while back < end and (furthest is None or back <= furthest):
            number = page_holding(end - 1 - back, self._most)
            if number.end <= end - back:
                what = f"its pages of {self._most} rows are too short to overlap"
                raise unusable(self._listing, what)
            page = self._get(number)
            # The server may have capped `limit`: then this is another page than the one meant.
            if any(is_anchor(row) for row in page.rows):
                return page
            back += half * _BACK[min(tries, len(_BACK) - 1)]
            tries += 1
        return None

    def _get(self, number: PageNumber) -> Page:
        self._requests += 1
        needed = 10 + self._largest_total // min(self.cap, self._listing.page_size)
        if self._requests > needed * MOST_REQUESTS_A_PAGE:
            raise self._endless()
        page = self._ahead.take(number)
        if page is None or self._recent.may_be_newer(page):
            # A page fetched before its turn may show a row as it was before it moved to a page
            # that was read: what has gone out must not go out again as it was before.
            self._ahead.plan(())
            page = self._fetch(number)
        self._waits.append(page.answer.waited)
        if self._first_total is None:
            self._first_total = page.total
        self._largest_total = max(self._largest_total, page.total)
        if not page.is_short:
            self._most_given = max(self._most_given, page.limit)
        if page.limit < number.limit:
            self.cap = min(self.cap, page.limit)
        return page

    def _fetch(self, number: PageNumber, is_wanted: Callable[[], bool] = lambda: True) -> Page:
        listing = self._listing
        asked = next(self._ticks)
        page = self._client.get(
            listing.path,
            partial(read_page, listing=listing, number=number),
            {"page": number.page, "limit": number.limit, **listing.params},
            is_wanted,
            listing.reader.decode,
        )
        return replace(page, asked=asked, answered=next(self._ticks))

    def _endless(self) -> AnswerError:
        return AnswerError(
            f"GET {self._listing.path}: its rows move faster than they can be read, or its pages "
            f"have no end ({self._requests} requests for {self._largest_total} rows); run the sync "
            "again when fewer change",
        )


def _ended(page: Page) -> Page:
    return replace(page, total=page.end)
