"""The requests of one walk: each page as it is needed, or ahead of it; and an end to them."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from tap_dagctl.errors import AnswerError
from tap_dagctl.pagination import prefetch
from tap_dagctl.pagination.page import PageRequest
from tap_dagctl.pagination.prefetch import Prefetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_dagctl.pagination.openings import Openings
    from tap_dagctl.pagination.overlap import PageNumber
    from tap_dagctl.pagination.page import Listing, Page

LONG_WALK_PAGES = 5
"""Pages from which on a walk is long enough for more than one connection."""

MOST_REQUESTS_A_PAGE = 6
"""Requests a walk may make for each page it would need if nothing moved, before it gives up."""


class Fetcher:
    """Fetches the pages of one list.

    Attributes:
        first_total: rows of the list, as the first answer counted them; 0 before it.
        largest_total: the most rows that any answer counted.
    """

    def __init__(self, openings: Openings, listing: Listing) -> None:
        """Prepare it; nothing is asked for before `get`."""
        self._openings = openings
        self._listing = listing
        self._prefetch: Prefetch[PageNumber, Page] = Prefetch(
            lambda number, is_wanted: self._stamped(
                lambda request: openings.client.get(request, is_wanted), number
            )
        )
        self._ticks = count()
        self._requests = 0
        self._waits: deque[float] = deque(maxlen=LONG_WALK_PAGES)
        self.first_total = 0
        self.largest_total = 0

    def plan(self, numbers: Iterable[PageNumber]) -> None:
        """Fetch these pages ahead, and no others any more."""
        self._prefetch.plan(numbers)

    def pays(self, page: Page) -> int:
        """Return how many pages behind `page` are worth being fetched ahead."""
        is_long = page.total > LONG_WALK_PAGES * self._listing.page_size
        pays = is_long and prefetch.pays(self._waits)
        return self._listing.connections if pays else 0

    def get(
        self, number: PageNumber, most: int, is_outdated: Callable[[Page], bool] = lambda _: False
    ) -> Page:
        """Return a page.

        Args:
            number: which one.
            most: rows that a page has at most, as far as is known.
            is_outdated: whether a page that was fetched ahead must be fetched again.

        Raises:
            RequestError: it cannot be had.
            AnswerError: it cannot be used; or there were more requests than the list can need.
        """
        self._requests += 1
        needed = 10 + self.largest_total // min(most, self._listing.page_size)
        if self._requests > needed * MOST_REQUESTS_A_PAGE:
            raise self.endless()
        fetching = self._prefetch.pop(number)
        page = fetching.result() if fetching else None
        if page is None or is_outdated(page):
            self._prefetch.plan(())
            page = self._stamped(self._openings.get, number)
        self._waits.append(page.answer.waited)
        self.first_total = self.first_total or page.total
        self.largest_total = max(self.largest_total, page.total)
        return page

    def endless(self) -> AnswerError:
        """Return the error for a list that does not come to an end."""
        return AnswerError(
            f"GET {self._listing.path}: its rows move faster than they can be read, or its pages "
            f"have no end ({self._requests} requests for {self.largest_total} rows); run the sync "
            "again when fewer change",
        )

    def _stamped(self, get: Callable[[PageRequest], Page], number: PageNumber) -> Page:
        asked = next(self._ticks)
        page = get(PageRequest.of(self._listing, number))
        return replace(page, asked=asked, answered=next(self._ticks))
