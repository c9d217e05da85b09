"""What one page of a list holds, once it is known to be a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import Self, override

from tap_dagctl.api.client import Request
from tap_dagctl.api.lists import LOST, count_of, rows_of
from tap_dagctl.errors import AnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_dagctl.api.client import Answer
    from tap_dagctl.pagination.overlap import PageNumber
    from tap_dagctl.records.fast_path import Row, RowReader


@dataclass(frozen=True)
class Listing:
    """What a walk reads.

    Attributes:
        path: the list's path below the base URL.
        rows_key: where the rows stand in an answer.
        reader: makes records of them.
        context: what they belong to.
        params: query parameters besides `page` and `limit`.
        page_size: rows to ask for in the first page, and to gain with each further one.
        title: what messages call the walk.
        report: is told after each page how many rows of how many were read.
        connections: pages to fetch at the same time while the walk is long.
        counts_heed_filter: returns whether `total` leaves out what `updated_after` leaves out,
            given the server's clock; None where nothing is left out.
    """

    path: str
    rows_key: str
    reader: RowReader
    context: Mapping[str, Any]
    params: Mapping[str, object]
    page_size: int
    title: str
    report: Callable[[int, int], None]
    connections: int = 1
    counts_heed_filter: Callable[[int], bool] | None = None


@dataclass(frozen=True)
class Page:
    """One answer.

    A page has places, from `first` up to `end`, and not every place need show a row: a server that
    filters after its `LIMIT` leaves rows out, anywhere in the list, and keeps their places.

    Attributes:
        rows: its rows.
        index: which page it is, from 1.
        limit: places in such a page.
        total: rows in the whole list, as the answer counts them.
        total_pages: pages of the whole list, as the answer counts them; 0 where it does not.
        number: as it was asked for.
        answer: the answer it came in.
    """

    rows: list[Row]
    index: int
    limit: int
    total: int
    total_pages: int
    number: PageNumber
    answer: Answer

    @property
    def first(self) -> int:
        """Offset of its first place in the list."""
        return (self.index - 1) * self.limit

    @property
    def end(self) -> int:
        """Offset behind its last place."""
        return self.first + self.limit

    @property
    def end_of_rows(self) -> int:
        """Offset behind its last row, if every place that shows none lies behind that."""
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

    @classmethod
    def of(cls, listing: Listing, number: PageNumber) -> Self:
        """Return the request for the page of `listing` with this number."""
        params = {"page": number.page, "limit": number.limit, **listing.params}
        return cls(listing.path, listing, number, params=params)

    @override
    def decode(self, content: bytes) -> object:
        return self.listing.reader.decode(content)

    @override
    def read(self, answer: Answer) -> Page:
        """Return the page in `answer`.

        Raises:
            AnswerError: it has no rows or no count, or a row has no readable `id` or `updated_at`,
                so it could not be kept.
        """
        path, total = self.listing.path, count_of(answer, "total")
        # The server may cap `limit` (API page): what it answers counts, not what was asked.
        # Likewise one that has no such page, or knows no pages, may give another.
        limit = count_of(answer, "limit") or self.number.limit
        index = count_of(answer, "page") or self.number.page
        counted = None if total is None else max(0, total - (index - 1) * limit)
        given = rows_of(answer, self.listing.rows_key, path, counted=counted)
        try:
            rows = self.listing.reader.read(given, self.listing.context)
        except ValueError as error:
            raise AnswerError(f"GET {path}: {error}, {LOST}") from None
        if total is None:
            raise AnswerError(f"GET {path}: the answer has no usable total, {LOST}")
        pages = count_of(answer, "total_pages") or 0
        return Page(rows, index, limit, total, pages, self.number, answer)
