"""What one page of a list holds, once it is known to be a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from typing_extensions import Self, override

from tap_dagctl.api.client import Request
from tap_dagctl.errors import AnswerError
from tap_dagctl.pagination.overlap import PageNumber

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_dagctl.api.client import Answer
    from tap_dagctl.records.fast_path import Row, RowReader


_ROWS = (dict, Struct)
_LOST = "so rows would be lost; report it to dagctl"


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
        connections: pages to fetch at the same time while the walk is long.
    """

    path: str
    rows_key: str
    reader: RowReader
    context: Mapping[str, Any]
    params: Mapping[str, object]
    page_size: int
    title: str
    connections: int = 1

    @property
    def first_page(self) -> PageNumber:
        """The page a walk begins with."""
        return PageNumber(1, self.page_size)


@dataclass(frozen=True)
class Page:
    """One answer.

    A page has places, from `first` up to `end`, and not every place need show a row: a server that
    filters behind its `LIMIT` leaves rows out, anywhere in the list, and keeps their places.

    Attributes:
        rows: its rows.
        index: which page it is, from 1.
        limit: places in such a page.
        total: rows in the whole list, as the answer counts them.
        total_pages: pages of the whole list, as the answer counts them; 0 where it does not.
        number: as what it was asked for.
        answer: the answer it came in.
        asked, answered: when, by a count of what is asked and answered in a walk.
    """

    rows: list[Row]
    index: int
    limit: int
    total: int
    total_pages: int
    number: PageNumber
    answer: Answer
    asked: int = 0
    answered: int = 0

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
    def is_short(self) -> bool:
        """Whether there are fewer rows than places."""
        return len(self.rows) < self.limit

    @property
    def counted(self) -> int:
        """How many rows it should have by the count."""
        return min(self.limit, max(0, self.total - self.first))

    @property
    def missing(self) -> int:
        """How many rows are counted and not there."""
        return max(0, self.counted - len(self.rows))

    @property
    def counts_agree(self) -> bool:
        """Whether all rows that are counted fill as many pages as are counted.

        A count of one page says nothing: some servers count a page of an empty list.
        """
        return self.total_pages <= max(1, -(-self.total // self.limit))


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
        return _read_page(answer, self.listing, self.number)


def _read_page(answer: Answer, listing: Listing, number: PageNumber) -> Page:
    """Return what the answer to `number` holds.

    Raises:
        AnswerError: the answer has no rows or no count, or a row has no readable `id` or
            `updated_at`, so it could not be kept.
    """
    total = _count(answer, "total")
    # The server may cap `limit` (API page): what it answers counts, not what was asked. Likewise
    # one that has no such page, or knows no pages, may give another.
    limit = _count(answer, "limit") or number.limit
    index = _count(answer, "page") or number.page
    counted = None if total is None else max(0, total - (index - 1) * limit)
    given = rows_of(answer, listing.rows_key, listing.path, counted=counted)
    try:
        rows = listing.reader.read(given, listing.context)
    except ValueError as error:
        raise unusable(listing, str(error)) from None
    if total is None:
        raise unusable(listing, "the answer has no usable total")
    pages = _count(answer, "total_pages") or 0
    return Page(rows, index, limit, total, pages, number, answer)


def _count(answer: Answer, name: str) -> int | None:
    value = answer.body.get(name) if isinstance(answer.body, dict) else None
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else None


def unusable(listing: Listing, what: str) -> AnswerError:
    """Return the error for an answer that cannot be used without losing rows."""
    return AnswerError(f"GET {listing.path}: {what}, {_LOST}")


def rows_of(answer: Answer, rows_key: str, path: str, counted: int | None) -> list[Any]:
    """Return the rows of an answer, which stand under `rows_key` or are the whole answer.

    The vendor's own client tolerates a bare list (API page, "GET /projects"). Where there are no
    rows, a server written in Go may send null for the list, or leave it out.

    Args:
        answer: the answer.
        rows_key: where the rows stand in it.
        path: what was asked for.
        counted: how many rows there are by the answer's own count; None where it has none.

    Raises:
        AnswerError: there is no list, and nothing says that it is empty.
    """
    body = answer.body
    rows = body.get(rows_key) if isinstance(body, dict) else body
    if rows is None and isinstance(body, dict):
        # Without a count, an answer that says anything else may be an error in disguise.
        said_empty = counted == 0 or (counted is None and body.keys() <= {rows_key})
        rows = [] if said_empty else None
    if not isinstance(rows, list) or not all(
        issubclass(kind, _ROWS) for kind in set(map(type, rows))
    ):
        msg = f"GET {path}: the answer has no list of {rows_key}; check api_url"
        raise AnswerError(msg)
    return rows


@dataclass(frozen=True)
class KeyedRows(Request[list[dict[str, Any]]]):
    """Rows that come in one answer, each with a text under its key.

    Attributes:
        rows_key: where the rows stand in an answer.
        key: the field that every row must have.
    """

    rows_key: str
    key: str = "id"

    @override
    def read(self, answer: Answer) -> list[dict[str, Any]]:
        rows = rows_of(answer, self.rows_key, self.path, _count(answer, "total"))
        if not all(isinstance(row.get(self.key), str) and row[self.key] for row in rows):
            what = f"a row has no {self.key}, so it cannot be loaded; report it to dagctl"
            raise AnswerError(f"GET {self.path}: {what}")
        return rows


@dataclass(frozen=True)
class WholeList(KeyedRows):
    """A list that is documented to come whole in one answer."""

    @override
    def read(self, answer: Answer) -> list[dict[str, Any]]:
        rows = super().read(answer)
        total = _count(answer, "total") or 0
        if total > len(rows):
            what = f"the answer has {len(rows)} of {total} {self.rows_key}, {_LOST}"
            raise AnswerError(f"GET {self.path}: {what}")
        return rows
