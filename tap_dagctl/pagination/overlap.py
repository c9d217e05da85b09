"""Which page to ask for so that it holds a given row of the list.

The API counts in pages: the first row of a page is row `(page - 1) * limit`. A page can therefore
only begin at certain places, but `limit` is ours to choose, and near any place some limit divides
well: of the limits from 460 to 500 one usually gives a page that begins within 30 rows before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import isqrt

MOST_ROWS = 500
"""Rows the API gives in one page at most (API page, "Conventions")."""


@dataclass(frozen=True)
class PageNumber:
    """A page as the API is asked for it.

    Attributes:
        page: from 1.
        limit: rows in a page.
    """

    page: int
    limit: int

    @property
    def first(self) -> int:
        """The offset of the page's first row."""
        return (self.page - 1) * self.limit

    @property
    def end(self) -> int:
        """The offset behind the page's last row, if it is full."""
        return self.page * self.limit


# A walk that looks ahead asks for the same places again and again.
@lru_cache(maxsize=256)
def page_holding(offset: int, most: int) -> PageNumber:
    """Return the page of at most `most` rows that holds the row `offset` and reaches furthest.

    Of pages that reach equally far, the largest.
    """
    reaching = sorted(
        (((offset // limit + 1) * limit, limit) for limit in range(most, most // 2, -1)),
        reverse=True,
    )
    # A page whose end every limit divides could not be overlapped by the one after it.
    usable = (end_limit for end_limit in reaching if _can_be_overlapped(end_limit[0], most))
    end, limit = next(usable, reaching[0])
    return PageNumber(end // limit, limit)


def _can_be_overlapped(end: int, most: int) -> bool:
    return any(end % limit for limit in range(2, most + 1))


def largest_limit(page_size: int) -> int:
    """Return the largest limit to use where pages of `page_size` rows are wanted.

    A page begins some `isqrt(2 * page_size)` rows before the row it must hold; so much larger,
    each page still brings `page_size` new rows. Very small pages have too few places to begin.
    """
    return min(MOST_ROWS, max(page_size + isqrt(2 * page_size), 16))
