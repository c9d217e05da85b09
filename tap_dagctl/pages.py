"""What one page of a list holds, once it is known to be a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from tap_dagctl.errors import AnswerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_dagctl.client import Answer
    from tap_dagctl.offsets import PageNumber
    from tap_dagctl.structs import Row, RowReader


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


@dataclass(frozen=True)
class Page:
    """One answer.

    Attributes:
        rows: its rows.
        first: offset of its first row in the list.
        limit: rows the server gives in such a page.
        total: rows in the whole list, at least.
        answer: the answer it came in.
        asked, answered: when, by a count of what is asked and answered in a walk.
    """

    rows: list[Row]
    first: int
    limit: int
    total: int
    answer: Answer
    asked: int = 0
    answered: int = 0

    @property
    def end(self) -> int:
        """Offset behind its last row."""
        return self.first + len(self.rows)

    @property
    def is_short(self) -> bool:
        """Whether there were fewer rows than fit."""
        return len(self.rows) < self.limit

    @property
    def is_last(self) -> bool:
        """Whether the list ended with this page when it was read.

        A full page is the last only if the count says so exactly: one too low would hide rows.
        """
        return self.is_short or self.end == self.total

    @property
    def disagrees(self) -> bool:
        """Whether the rows say that the list ended, and the count that it did not."""
        return self.is_short and self.end < self.total


def read_page(answer: Answer, listing: Listing, number: PageNumber) -> Page:
    """Return what the answer to `number` holds.

    Raises:
        AnswerError: the answer has no rows or no count, or a row has no readable `id` or
            `updated_at`, so it could not be kept.
    """
    given = rows_of(answer, listing.rows_key, listing.path)
    try:
        rows = listing.reader.read(given, listing.context)
    except ValueError as error:
        raise unusable(listing, str(error)) from None
    total = _count(answer, "total")
    if total is None:
        raise unusable(listing, "the answer has no usable total")
    # The server may cap `limit` (API page): what it answers counts, not what was asked. Likewise
    # one that has no such page, or knows no pages, may give another.
    limit = _count(answer, "limit") or number.limit
    page = _count(answer, "page") or number.page
    pages = _count(answer, "total_pages") or 0
    if len(rows) >= limit:
        # A full page is the last one only if neither count knows of more. Where a page is short,
        # `total_pages` says nothing: some servers count one page of an empty list.
        total = max(total, (pages - 1) * limit + 1)
    return Page(
        rows=rows,
        first=(page - 1) * limit,
        limit=limit,
        total=total,
        answer=answer,
    )


def _count(answer: Answer, name: str) -> int | None:
    value = answer.body.get(name) if isinstance(answer.body, dict) else None
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else None


def unusable(listing: Listing, what: str) -> AnswerError:
    """Return the error for an answer that cannot be used without losing rows."""
    return AnswerError(f"GET {listing.path}: {what}, {_LOST}")


def rows_of(answer: Answer, rows_key: str, path: str) -> list[Any]:
    """Return the rows of an answer, which stand under `rows_key` or are the whole answer.

    The vendor's own client tolerates a bare list (API page, "GET /projects").

    Raises:
        AnswerError: there are none: a shape nobody documented is not the same as no rows.
    """
    body = answer.body
    rows = body.get(rows_key) if isinstance(body, dict) else body
    if not isinstance(rows, list) or not all(
        issubclass(kind, _ROWS) for kind in set(map(type, rows))
    ):
        msg = f"GET {path}: the answer has no list of {rows_key}; check api_url"
        raise AnswerError(msg)
    return rows


def keyed_rows(answer: Answer, rows_key: str, path: str, key: str) -> list[dict[str, Any]]:
    """Return the rows of an answer, each with a text under `key`.

    Raises:
        AnswerError: there are none, or a row could not be loaded for want of its key.
    """
    rows = rows_of(answer, rows_key, path)
    if not all(isinstance(row.get(key), str) and row[key] for row in rows):
        msg = f"GET {path}: a row has no {key}, so it cannot be loaded; report it to dagctl"
        raise AnswerError(msg)
    return rows


def whole_list(answer: Answer, rows_key: str, path: str) -> list[dict[str, Any]]:
    """Return the rows of a list that is documented to come whole, each with an `id`.

    Raises:
        AnswerError: it did not, or a row could not be loaded.
    """
    rows = keyed_rows(answer, rows_key, path, "id")
    total = _count(answer, "total") or 0
    if total > len(rows):
        msg = f"GET {path}: the answer has {len(rows)} of {total} {rows_key}, {_LOST}"
        raise AnswerError(msg)
    return rows
