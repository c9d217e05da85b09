"""How many rows the server gives in a page at most.

It may cap `limit` without telling (API page, "Conventions"), so a page that is short may be capped,
or have rows left out. What is known is the most rows that came in a page, and what the server told.
A page of more places than that is in doubt, and so is where in the list it lies.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tap_dagctl.pagination.overlap import MOST_ROWS, largest_limit

if TYPE_CHECKING:
    from tap_dagctl.pagination.page import Page

LEAST_ROWS = 11
"""Smaller pages than that are too short to overlap well; no server is taken to have them."""


class Limits:
    """What the pages of one walk show of it.

    Attributes:
        known: the server gives at least so many places in a page.
        cap: the most places to ask for.
    """

    def __init__(self, page_size: int) -> None:
        """Begin a walk in pages of `page_size` rows."""
        self._largest = largest_limit(page_size)
        self.known = 1
        self.cap = MOST_ROWS

    @property
    def most(self) -> int:
        """The most places to ask for in a page."""
        return min(self.cap, self._largest)

    def learn(self, page: Page) -> None:
        """Take note of what `page` shows."""
        if page.limit < page.number.limit:
            # It says so itself.
            self.cap = min(self.cap, page.limit)
            self.known = max(self.known, page.limit)
        self.known = max(self.known, len(page.rows))

    def are_in_doubt(self, page: Page) -> bool:
        """Whether `page` may have fewer places than it seems to have."""
        if not page.is_short or page.limit <= self.known:
            return False
        # A first page with every row that is counted is whole, whatever its limit.
        is_told = page.index == 1 or (page.total_pages > 0 and page.counts_agree)
        return page.missing > 0 or not is_told

    def believe(self, page: Page) -> None:
        """Take `page` to have as many places as it seems to have."""
        self.known = max(self.known, page.limit)

    def lower(self, page: Page) -> Page:
        """Ask for no more places than are known from now on; return `page` with so many."""
        self.cap = max(1, min(self.cap, self.known))
        return replace(page, limit=min(page.limit, self.cap))

    def settle(self, page: Page, *, reaches: int, is_capped: bool) -> Page:
        """Return `page`, a first one in doubt, with the places it has for certain.

        Args:
            page: the page.
            reaches: so far it reaches if it is not capped below that.
            is_capped: whether another page showed that it does not reach so far.
        """
        least = self.known
        fits = not page.counts_agree and least <= (page.total - 1) // (page.total_pages - 1)
        if fits and least < LEAST_ROWS:
            # Either pages are smaller than they seem to be, or rows are left out whose places are
            # counted as pages, but not as rows: then smaller pages do no harm.
            least = max(least, -(-page.total // page.total_pages))
            is_capped = is_capped or least >= LEAST_ROWS
        if is_capped:
            self.known = least
            return self.lower(page)
        self.known = max(self.known, reaches)
        return replace(page, limit=min(page.limit, reaches))
