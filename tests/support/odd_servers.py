"""Servers that differ in all that the API page leaves open."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from stand_in.server import Api, Request
from stand_in.world import EXECUTIONS, RUNS, Project, Row

# The streams whose rows move.
TABLES = {"runs": RUNS, "model_executions": EXECUTIONS}


@dataclass(frozen=True)
class Arrangement:
    """How the server of one history behaves, and the settings of its syncs."""

    order_by: str = "updated_at"
    descending: bool = False
    page_size: int = 5
    most_rows: int = 500
    tells_limit: str = "right"
    counted_too_many: int = 0
    overlap_seconds: int = 60
    digits: int = 6
    offset_minutes: int = 0
    inclusive: bool = False
    tells_time: bool = True
    projects: int = 1
    connections: int = 4
    hides: str = "nothing"
    counts_hidden: str = "yes"
    tells_pages: bool = True
    empty_list: str = "[]"
    sizes: str = "any"
    ties: str = "by id"
    counts: str = "right"
    backends: str = "one"
    is_volatile: bool = False
    has_glitches: bool = False

    @property
    def needs_counts(self) -> bool:
        """Whether only the count can tell that rows are missing."""
        is_in_order = self.ties == "by id" and self.backends == "one"
        return self.has_glitches or not is_in_order or self.counts == "lagging"

    @property
    def relies_on_counts(self) -> bool:
        """The same, or a server whose pages are silently of another size."""
        return self.needs_counts or self.sizes != "any"

    @property
    def within_the_promise(self) -> Arrangement:
        """The same, without what cannot be found out (docs/exactness.md, "Where it ends").

        Pages that are capped, and rows that are left out of them, cannot be told apart if the
        server tells neither its limit nor how many pages there are for so many rows. Behind a long
        stretch of rows that are left out and not counted, nothing says that there are more.
        """
        oddities = (self.sizes, self.ties, self.counts, self.backends)
        is_plain = oddities == ("any", "by id", "right", "one")
        if self.is_volatile or self.has_glitches or not is_plain:
            # Its answers may disagree with each other.
            counts_decide = self.needs_counts and self.counts != "lagging"
            is_lagging = "lagging" in {self.counts, self.backends}
            return replace(
                self,
                hides="nothing",
                counted_too_many=0,
                # Where nothing else can tell, the counts are right.
                counts="right" if counts_decide else self.counts,
                # Without a clock, rows that were deleted make up the number of others.
                tells_time=self.tells_time or self.needs_counts,
                # Where the rows or the counts are those of earlier, nothing else hides rows.
                ties="by id" if is_lagging else self.ties,
                has_glitches=self.has_glitches and not is_lagging,
                sizes="any" if self.counts == "lagging" else self.sizes,
                backends="one" if self.counts == "lagging" else self.backends,
                tells_limit="right" if self.counts == "lagging" else self.tells_limit,
            )
        counts_agree = not self.counted_too_many and self.counts_hidden == "yes"
        is_told = self.hides == "nothing" or (self.tells_pages and counts_agree)
        are_long = self.hides in {"stretches", "a range of ids", "everything"}
        # So is a stretch of fifteen rows where a page has fewer.
        are_long |= self.hides == "the first" and min(self.page_size, self.most_rows) <= 15
        return replace(
            self,
            tells_limit=self.tells_limit if is_told else "right",
            counts_hidden="yes" if are_long else self.counts_hidden,
            # Very small pages of which rows are left out are too small to overlap.
            page_size=self.page_size if self.hides == "nothing" else max(self.page_size, 13),
        )


HIDES: dict[str, Callable[[int, str], bool]] = {
    "nothing": lambda _serial, _key: False,
    "some": lambda serial, _key: serial % 29 == 3,
    "many": lambda serial, _key: serial % 2 == 0,
    # In an order by time, and in one by id: more in one stretch than fit a page of 20 or 26.
    "stretches": lambda serial, _key: serial % 90 >= 30,
    "a range of ids": lambda _serial, key: "03" < key < "06",
    "the first": lambda serial, _key: serial <= 15,
    "everything": lambda _serial, _key: True,
}
"""Which rows a server leaves out of its pages, by their number and id."""

SIZES: dict[str, Callable[[int, int], int]] = {
    "any": lambda limit, _: limit,
    "known": lambda limit, least: limit if limit in {10, 20, 25, 50, 100, 250, 500} else least,
    "rounded": lambda limit, least: max(least, limit // least * least),
    "ignored": lambda _, least: least,
}
"""How many rows a server gives in a page, by the `limit` that is asked for and the fewest it gives.

It tells none of it.
"""

TIES: dict[str, Callable[[Row, int], Any]] = {
    "by id": lambda row, _: row["id"],
    # As PostgreSQL, whose plan depends on the limit.
    "by size": lambda row, limit: random.Random(f"{row['id']} {limit}").random(),
    "at random": lambda _, __: random.random(),
}
"""How a server orders rows of equal rank, by the `limit` that is asked for."""

COUNTS: dict[str, Callable[[int, int, int, int], int]] = {
    "right": lambda total, _, __, ___: total,
    "capped": lambda total, _, __, page_size: min(total, page_size),
    "unfiltered": lambda _, __, everything, ___: everything,
    "lagging": lambda _, before, __, ___: before,
    "absurd": lambda total, _, __, ___: total and 10**9,
}
"""What a server counts, by the truth, the truth at its answer before, all that it has, and a page.
"""

GLITCHES: dict[str, Callable[[list[Row]], list[Row] | None]] = {
    "a row is left out": lambda rows: rows[: len(rows) // 2] + rows[len(rows) // 2 + 1 :],
    "the first is left out": lambda rows: rows[1:],
    "the last is left out": lambda rows: rows[:-1],
    "rows are left out": lambda rows: rows[::3],
    "no row is shown": lambda _: [],
    # And none is counted.
    "nothing is there": lambda _: None,
}
"""Which rows a single answer shows of those it should."""


class OddServer:
    """Makes the stand-in as odd as an arrangement says."""

    def __init__(self, api: Api, arrangement: Arrangement) -> None:
        self._api = api
        self._arrangement = arrangement
        self._limit = 0
        self._random = random.Random(0)
        self._counted: dict[tuple[str, str | None], int] = {}
        self._views: list[tuple[datetime, dict[str, Project]]] = []

    def begin(self) -> dict[str, Project]:
        """Begin a sync; return the projects as they are now."""
        now = deepcopy(self._api.world.projects)
        self._views = [(self._api.world.now, now)]
        return now

    def note(self) -> None:
        """Keep the projects as they are now, for a backend that lags."""
        if self._arrangement.backends == "lagging":
            self._views.append((self._api.world.now, deepcopy(self._api.world.projects)))

    def tie_breaker(self, row: Row) -> Any:
        return TIES[self._arrangement.ties](row, self._limit)

    @contextmanager
    def answering(self, request: Request, number: int) -> Iterator[Request]:
        """Let one of two backends answer by turns; yield the request for the rows it gives."""
        kind = self._arrangement.backends if number % 2 else "one"
        world = self._api.world
        projects, most_rows = world.projects, self._api.most_rows
        if kind == "capped":
            most_rows = max(12, self._arrangement.page_size // 5)
        if kind == "lagging":
            oldest = world.now - timedelta(seconds=self._arrangement.overlap_seconds)
            views = [view for moment, view in self._views if moment >= oldest]
            projects = (views or [projects])[0]
        self._limit = int(request.params.get("limit", 0))
        if self._limit:
            least = max(15, self._arrangement.page_size // 10)
            self._limit = SIZES[self._arrangement.sizes](self._limit, least)
            request = replace(request, params={**request.params, "limit": str(self._limit)})
        with (
            patch.object(world, "projects", projects),
            patch.object(self._api, "most_rows", most_rows),
        ):
            yield request

    def alter(self, request: Request, glitch: str | None, answer: dict[str, Any]) -> None:
        """Make a good answer as odd as the server is."""
        arrangement = self._arrangement
        # A list that comes whole and counts more is refused.
        if answer["total"] and "page" in answer:
            answer["total"] += arrangement.counted_too_many
        *_, key, path = request.path.split("/")
        name = TABLES.get(path.replace("-", "_"))
        if name is None:
            return
        if arrangement.is_volatile:
            answer[name] = [{**row, "signed_url": self._random.random()} for row in answer[name]]
        if arrangement.counts != "right":
            asked = (request.path, request.params.get("updated_after"))
            project = self._api.world.projects[key]
            true, everything = answer["total"], len(project.tables[name])
            before, self._counted[asked] = self._counted.get(asked, true), true
            count = COUNTS[arrangement.counts](true, before, everything, arrangement.page_size)
            answer["total"] = count
            if answer["total_pages"] is not None:
                answer["total_pages"] = -(-count // self._limit)
        if arrangement.sizes != "any":
            answer["limit"] = int(request.params["limit"])
        if glitch and arrangement.has_glitches:
            answer[name] = GLITCHES[glitch](answer[name])
        # A first answer without a count cannot be told from that of an empty list.
        if answer[name] is None and answer["page"] > 1:
            answer.update(total=0, total_pages=0)
