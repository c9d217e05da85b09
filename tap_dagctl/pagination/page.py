"""A page of a list: what is asked for, and what came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tap_dagctl.api.client import Request
from tap_dagctl.api.lists import LOST, count_of, rows_of
from tap_dagctl.errors import AnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_dagctl.api.client import Answer
    from tap_dagctl.records.fast_path import Row, RowReader


@dataclass(frozen=True)
class PageNumber:
    """A page, from 1, of a list that is cut into pages of `limit` rows.

    It has places, and not every place need show a row: a server that filters after its `LIMIT`
    leaves rows out, anywhere in the list, and keeps their places.
    """

    page: int
    limit: int

    @property
    def first(self) -> int:
        """The offset of its first place."""
        return (self.page - 1) * self.limit

    @property
    def end(self) -> int:
        """The offset behind its last place."""
        return self.page * self.limit


@dataclass(frozen=True)
class Listing:
    """What a walk reads.

    Attributes:
        page_size: rows to ask for in the first page, and to gain with each further one.
        report: is told after each page how many rows of how many were read.
        counts_heed_filter: returns whether `total` leaves out what `updated_after` leaves out,
            given the server's clock.
    """

    title: str
    path: str
    params: Mapping[str, Any]
    page_size: int
    reader: RowReader
    context: Mapping[str, Any]
    report: Callable[[int, int], None]
    counts_heed_filter: Callable[[int], bool]

    def request(self, number: PageNumber) -> PageRequest:
        """Return the request for a page."""
        params = {"page": number.page, "limit": number.limit, **self.params}
        return PageRequest(self.path, self, number, params=params)


@dataclass(frozen=True)
class Page(PageNumber):
    """One answer, with the numbers that stand in it; `asked` is the page that was asked for."""

    rows: list[Row]
    total: int
    total_pages: int
    asked: PageNumber
    answer: Answer

    @property
    def end_of_rows(self) -> int:
        """The offset behind its last row, if every place that shows none lies behind that."""
        return self.first + len(self.rows)

    @property
    def is_full(self) -> bool:
        """Whether every place shows a row."""
        return len(self.rows) >= self.limit


@dataclass(frozen=True)
class PageRequest(Request[Page]):
    """A page of a list."""

    listing: Listing
    number: PageNumber

    @override
    def decode(self, content: bytes) -> object:
        return self.listing.reader.decode(content)

    @override
    def read(self, answer: Answer) -> Page:
        listing, total = self.listing, count_of(answer, "total")
        # The server may cap `limit` (API page): what it answers counts, not what was asked.
        # Likewise one that has no such page, or knows no pages, may give another.
        limit = count_of(answer, "limit") or self.number.limit
        page = count_of(answer, "page") or self.number.page
        counted = None if total is None else max(0, total - (page - 1) * limit)
        given = rows_of(answer, listing.reader.rows_key, self.path, counted)
        try:
            rows = listing.reader.read(given, listing.context)
        except ValueError as error:
            raise AnswerError(f"GET {self.path}: {error}, {LOST}") from None
        if total is None:
            raise AnswerError(f"GET {self.path}: the answer has no usable total, {LOST}")
        pages = count_of(answer, "total_pages") or 0
        return Page(page, limit, rows, total, pages, self.number, answer)
