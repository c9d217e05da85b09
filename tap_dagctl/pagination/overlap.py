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
    """A page, from 1, of a list that is cut into pages of `limit` rows.

    A page has places, and not every place need show a row: a server that filters after its `LIMIT`
    leaves rows out, anywhere in the list, and keeps their places.
    """

    page: int
    limit: int

    @property
    def first(self) -> int:
        """The offset of the page's first place."""
        return (self.page - 1) * self.limit

    @property
    def end(self) -> int:
        """The offset behind the page's last place."""
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
    usable = (
        (end, limit) for end, limit in reaching if any(end % other for other in range(2, most + 1))
    )
    end, limit = next(usable, reaching[0])
    return PageNumber(end // limit, limit)


def largest_limit(page_size: int) -> int:
    """Return the largest limit to use where pages of `page_size` rows are wanted.

    A page begins some `isqrt(2 * page_size)` rows before the row it must hold; so much larger,
    each page still brings `page_size` new rows. Very small pages have too few places to begin.
    """
    return min(MOST_ROWS, max(page_size + isqrt(2 * page_size), 16))
