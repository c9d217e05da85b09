"""The walk over the pages of one list: deduplication within a sync, and when the walk began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_dagctl import timestamps
from tap_dagctl.errors import AnswerError
from tap_dagctl.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_dagctl.client import Answer, Client


@dataclass(frozen=True)
class Listing:
    """What a walk reads.

    Attributes:
        path: the list's path below the base URL.
        rows_key: where the rows stand in an answer.
        params: query parameters besides `page` and `limit`.
        page_size: rows to ask for in one page.
        title: what progress messages call the walk.
    """

    path: str
    rows_key: str
    params: Mapping[str, object]
    page_size: int
    title: str


class Walk:
    """Reads every page of a list whose rows carry `id` and `updated_at`.

    Attributes:
        began: the server's clock at the first answer, so a bookmark that misses no row: whatever
            changes later has a later `updated_at`. Where the server told no time, the latest
            `updated_at` on the first page, which cannot lie after that answer. None before the
            first answer, and where there is neither.
    """

    def __init__(self, client: Client, listing: Listing) -> None:
        """Prepare a walk; nothing is asked for before iteration."""
        self._client = client
        self._listing = listing
        self.began: int | None = None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each version of a row once.

        Raises:
            RequestError: a page cannot be had.
            AnswerError: a row has no readable `id` or `updated_at`, so it cannot be kept.
        """
        listing = self._listing
        progress = Progress(self._listing.title)
        seen: set[tuple[str, int]] = set()
        page, last = 1, 1
        while page <= last:
            answer = self._client.get(
                listing.path,
                {"page": page, "limit": listing.page_size, **listing.params},
            )
            rows = rows_of(answer, listing.rows_key, listing.path)
            versions = [self._version(row) for row in rows]
            if page == 1:
                self.began = answer.server_time or max((at for _, at in versions), default=None)
            last = self._pages(answer, rows)
            for row, version in zip(rows, versions, strict=True):
                if version not in seen:
                    seen.add(version)
                    yield row
            progress.report(page=page, pages=last, rows=len(seen))
            page += 1

    def _version(self, row: Mapping[str, Any]) -> tuple[str, int]:
        key = row.get("id")
        if not isinstance(key, str) or not key:
            raise self._unusable("a row has no id")
        try:
            return key, timestamps.parse(row.get("updated_at"))
        except ValueError as error:
            raise self._unusable(f"updated_at of row {key!r} is {error}") from None

    def _pages(self, answer: Answer, rows: list[dict[str, Any]]) -> int:
        """Return how many pages there are, by the answer: the server may cap `limit`."""
        pages = answer.body.get("total_pages") if isinstance(answer.body, dict) else None
        if isinstance(pages, bool) or not isinstance(pages, int) or (rows and pages < 1):
            raise self._unusable("the answer has no usable total_pages")
        return pages

    def _unusable(self, what: str) -> AnswerError:
        return AnswerError(
            f"GET {self._listing.path}: {what}, so rows would be lost; report it to dagctl",
        )


def rows_of(answer: Answer, rows_key: str, path: str) -> list[dict[str, Any]]:
    """Return the rows of an answer, which stand under `rows_key` or are the whole answer.

    The vendor's own client tolerates a bare list (API page, "GET /projects").

    Raises:
        AnswerError: there are none: a shape nobody documented is not the same as no rows.
    """
    body = answer.body
    rows = body.get(rows_key) if isinstance(body, dict) else body
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        msg = f"GET {path}: the answer has no list of {rows_key}; check api_url"
        raise AnswerError(msg)
    return rows
