"""A page of a list, and how far a walk over its pages has got."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec

from tap_dagctl.api.request import Answer
from tap_dagctl.records.record import Row
from tap_dagctl.timestamps import Instant


@dataclass(frozen=True)
class PageNumber:
    """A page, from 1, of a list that is cut into pages of `limit` places.

    Not every place shows a row: a server that filters after its `LIMIT` leaves rows out anywhere.
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
        return len(self.rows) >= self.limit


class Checkpoint(msgspec.Struct, kw_only=True):
    """How far a walk that `began` then has got: `counted` of `total` rows, to the offset `end`.

    In a page the server gave at most `cap` rows.
    """

    began: Instant
    end: int
    cap: Annotated[int, msgspec.Meta(ge=1)]
    counted: int
    total: int
