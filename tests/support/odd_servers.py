"""Servers whose answers do not agree with each other, as the API page leaves open."""

from __future__ import annotations

import random
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from stand_in.server import Api, Request
    from stand_in.world import Project, Row
    from tests.support.arrangement import Arrangement

KNOWN_SIZES = (10, 20, 25, 50, 100, 250, 500)

SIZES: dict[str, Callable[[int, int], int]] = {
    "any": lambda limit, _: limit,
    "known": lambda limit, least: limit if limit in KNOWN_SIZES else least,
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
            self._api.most_rows = max(12, self._arrangement.page_size // 5)
        if kind == "lagging":
            oldest = world.now - timedelta(seconds=self._arrangement.overlap_seconds)
            views = [view for moment, view in self._views if moment >= oldest]
            world.projects = (views or [projects])[0]
        self._limit = int(request.params.get("limit", 0))
        if self._limit:
            least = max(15, self._arrangement.page_size // 10)
            self._limit = SIZES[self._arrangement.sizes](self._limit, least)
            request = replace(request, params={**request.params, "limit": str(self._limit)})
        try:
            yield request
        finally:
            world.projects, self._api.most_rows = projects, most_rows

    def alter(
        self, answer: dict[str, Any], request: Request, name: str, glitch: str | None
    ) -> None:
        """Make a good answer of a list as odd as the server is."""
        arrangement = self._arrangement
        if arrangement.is_volatile:
            answer[name] = [{**row, "signed_url": self._random.random()} for row in answer[name]]
        if arrangement.counts != "right":
            asked = (request.path, request.params.get("updated_after"))
            project = self._api.world.projects[request.path.split("/")[-2]]
            true, everything = answer["total"], len(project.tables[name])
            before, self._counted[asked] = self._counted.get(asked, true), true
            count = COUNTS[arrangement.counts](true, before, everything, arrangement.page_size)
            answer["total"] = count
            if answer["total_pages"] is not None:
                answer["total_pages"] = -(-count // self._limit)
        if arrangement.sizes != "any":
            answer["limit"] = int(request.params["limit"])
        if glitch:
            answer[name] = GLITCHES[glitch](answer[name])
        # A first answer without a count cannot be told from that of an empty list.
        if answer[name] is None and answer["page"] > 1:
            answer.update(total=0, total_pages=0)
