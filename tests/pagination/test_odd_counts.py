"""Servers that count other rows than they show: none is lost, and none is hunted for ever.

What they cost is bounded and printed as in `test_odd_servers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stand_in.world import RUNS
from tests.support.odd_list import PROJECT, OddList, check_whole

if TYPE_CHECKING:
    from stand_in.server import Api, Request
    from tests.support.odd_list import Answer

WAITS = "the bookmark waits"
GIVES_UP = "a day has passed"


@pytest.fixture(params=[1, 4], ids=["one connection", "four connections"])
def runs(api: Api, request: pytest.FixtureRequest) -> OddList:
    return OddList(api, request.param)


def test_a_total_that_is_capped(runs: OddList) -> None:
    def answers(request: Request, _: int) -> Answer:
        answer = runs.api.answer(request)
        total = min(answer["total"], 500)
        return {**answer, "total": total, "total_pages": -(-total // answer["limit"])}

    runs.fill(3_000)
    runs.answers = answers

    check_whole(runs, "a total capped at 500", 10, 12)


def test_a_total_that_ignores_updated_after(runs: OddList) -> None:
    def answers(request: Request, _: int) -> Answer:
        answer = runs.api.answer(request)
        rows = len(runs.world.projects[request.path.split("/")[-2]].tables[RUNS])
        return {**answer, "total": rows, "total_pages": -(-rows // answer["limit"])}

    runs.world.add_project("proj_c", "third")
    for project in runs.world.projects:
        runs.fill(3_000, project)
    runs.answers = answers
    first = runs.sync()
    assert (runs.missing, runs.repeated, first.warnings) == (set(), set(), [])
    runs.world.advance(minutes=10)
    idle = runs.sync()
    assert (idle.ids, idle.warnings) == ([], [])
    assert runs.is_caught_up
    runs.note("a total that ignores updated_after", first, idle)
    assert first.requests[PROJECT] <= 7
    one, *others = idle.requests.values()
    assert one <= 3
    assert max(others) <= 2


def test_a_total_of_a_thousand_million(runs: OddList) -> None:
    def answers(request: Request, _: int) -> Answer:
        answer = runs.api.answer(request)
        absurd = {"total": 10**9, "total_pages": 2_000_000}
        return {**answer, **(absurd if PROJECT in request.path else {})}

    runs.fill(3_000)
    runs.answers = answers
    first = runs.sync()
    (warning,) = first.warnings
    assert f"counts 1000000000 rows and did not show {10**9 - 3_000} of them; {WAITS}" in warning
    assert (runs.missing, runs.bookmark) == (set(), None)
    assert first.requests[PROJECT] <= 56

    runs.world.advance(hours=23)
    assert WAITS in runs.sync().warnings[0]
    assert runs.bookmark is None
    runs.world.advance(hours=1)
    last = runs.sync()
    (warning,) = last.warnings
    assert GIVES_UP in warning
    assert last.ids == []
    assert runs.is_caught_up

    runs.world.advance(minutes=10)
    idle = runs.sync()
    runs.note("a total of a thousand million", first, idle)
    assert (idle.ids, idle.warnings, runs.repeated) == ([], [], set())
    assert idle.requests[PROJECT] <= 2
    runs.world.change(RUNS, PROJECT, f"run_{PROJECT}_00003", status="failed")
    assert runs.sync().ids == [f"run_{PROJECT}_00003"]
