"""A list in pages: the request for one of them, and the answer to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from typing_extensions import override

from tap_dagctl.api.request import LOST, Answer, Request, count_of, rows_of
from tap_dagctl.errors import AnswerError
from tap_dagctl.records.fast_path import RowReader
from tap_dagctl.records.record import Row
from tap_dagctl.timestamps import Instant


@dataclass(frozen=True)
class PageNumber:
    """The number of a page (from 1) and its `limit`.

    A page may show fewer rows than its limit: a server that filters after its `LIMIT` leaves out
    rows anywhere.
    """

    page: int
    limit: int

    @property
    def first(self) -> int:
        """The offset of its first row."""
        return (self.page - 1) * self.limit

    @property
    def end(self) -> int:
        """The offset after its last row."""
        return self.page * self.limit


@dataclass(frozen=True)
class Page(PageNumber):
    """The rows and numbers of one answer; `asked` is the page that was asked for."""

    rows: list[Row]
    total: int
    total_pages: int
    asked: PageNumber
    answer: Answer

    @property
    def end_of_rows(self) -> int:
        """The offset after its last row, assuming that no row was left out before it."""
        return self.first + len(self.rows)

    @property
    def is_full(self) -> bool:
        return len(self.rows) >= self.limit


@dataclass(frozen=True)
class Listing:
    """The list that a walk reads.

    The first page asks for `page_size` rows, and each further one brings as many new ones. `report`
    gets the numbers of rows read and counted after each page. `counts_heed_filter` returns, given
    the server's clock, whether `total` leaves out the rows that `updated_after` leaves out.
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
        params = {"page": number.page, "limit": number.limit, **self.params}
        return PageRequest(self.path, self, number, params=params)


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
        given = rows_of(answer, listing.reader.rows_key, counted)
        try:
            rows = listing.reader.read(given, listing.context)
        except ValueError as error:
            raise AnswerError(f"{error}, {LOST}") from None
        if total is None:
            raise AnswerError(f"the answer has no usable total, {LOST}")
        pages = count_of(answer, "total_pages") or 0
        return Page(page, limit, rows, total, pages, self.number, answer)


class Checkpoint(msgspec.Struct, kw_only=True):
    """How far a walk that `began` then has got: `counted` of `total` rows, to the offset `end`.

    In a page the server gave at most `cap` rows.
    """

    began: Instant
    end: int
    cap: Annotated[int, msgspec.Meta(ge=1)]
    counted: int
    total: int
