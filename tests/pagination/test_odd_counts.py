"""Servers that count other rows than they show: none is lost, and none is hunted for ever.

What they cost is bounded as in `test_odd_servers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stand_in.world import RUNS
from tests.support.odd_list import PROJECT, OddList, of_size

if TYPE_CHECKING:
    from stand_in.server import Api, Request
    from tests.support.odd_list import Answer

WAITS = "the bookmark waits"
GIVES_UP = "a day has passed"


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
    assert (idle.ids, idle.warnings, runs.repeated) == ([], [], set())
    assert idle.requests[PROJECT] <= 2
    runs.world.change(RUNS, PROJECT, f"{PROJECT}_00003", status="failed")
    assert runs.sync().ids == [f"{PROJECT}_00003"]


def test_rows_never_shown_hide_no_other(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Plans are read whole each time, so what is counted and not shown is missing each time."""
    plans = OddList(api, caplog, 1, "plans")
    plans.fill(1_200)
    hidden = {f"{PROJECT}_{number:05}" for number in (3, 4, 500, 900, 1_199)}
    api.is_hidden = lambda row: row["id"] in hidden
    first = plans.sync()
    (warning,) = first.warnings
    assert f"counts 1200 rows and did not show 5 of them; {WAITS}" in warning
    assert (plans.missing, plans.bookmark) == (hidden, None)
    assert first.requests[PROJECT] <= 25

    plans.world.advance(days=1)
    (warning,) = plans.sync().warnings
    assert f"counts 1200 rows and did not show 5 of them; {GIVES_UP}" in warning
    assert plans.is_caught_up
    for _ in range(3):
        plans.world.advance(minutes=10)
        idle = plans.sync()
        assert (idle.ids, idle.warnings) == ([], [])
        assert idle.requests[PROJECT] <= 5

    # A sixth row is owed, whatever was given up before, and comes when it is shown.
    hidden.add("hidden for now")
    for key in ("hidden for now", "shown"):
        plans.world.put("plans", PROJECT, {"id": key})
    plans.world.advance(minutes=10)
    done = plans.sync()
    assert done.ids == ["shown"]
    assert f"did not show 1 of them; {WAITS}" in done.warnings[0]
    hidden.remove("hidden for now")
    done = plans.sync()
    assert (done.ids, done.warnings) == (["hidden for now"], [])
    assert (plans.sync().ids, plans.repeated) == ([], set())

    # And so is one, after another of those given up has come after all.
    hidden.remove(f"{PROJECT}_00003")
    plans.sync()
    hidden.add("hidden")
    plans.world.advance(minutes=10)
    plans.world.put("plans", PROJECT, {"id": "hidden"})
    (warning,) = plans.sync().warnings
    assert f"did not show 1 of them; {WAITS}" in warning


@pytest.mark.parametrize("new", [0, 2], ids=["none is new", "two are new"])
def test_deleted_rows_do_not_make_up_for_hidden_ones(runs: OddList, new: int) -> None:
    def answers(request: Request, number: int) -> Answer:
        if number == 2 and PROJECT in request.path:
            runs.world.advance(seconds=5)
            for place in range(new):
                runs.world.put(RUNS, PROJECT, {"id": f"new_{place}"})
            for shown in first_rows:
                runs.world.delete(RUNS, PROJECT, shown)
        return runs.api.answer(request)

    runs.fill(700)
    ids = [row["id"] for row in runs.world.rows(RUNS, PROJECT)]
    first_rows, hidden = ids[7:9], set(ids[600:602])
    runs.api.is_hidden = lambda row: row["id"] in hidden
    runs.answers = answers
    (warning,) = runs.sync().warnings
    assert f"did not show 2 of them; {WAITS}" in warning
    assert (runs.missing, runs.bookmark) == (hidden, None)


def test_rows_of_before_an_interruption_do_not_make_up_for_hidden_ones(runs: OddList) -> None:
    def answers(request: Request, number: int) -> Answer:
        if number == 1 or PROJECT not in request.path:
            return runs.api.answer(request)
        # Another backend, whose pages are smaller, shows rows that were read before.
        return of_size(runs.api, request, 20)

    runs.fill(3_000)
    runs.sync(cut=2_500, page_size=100)
    hidden = {f"{PROJECT}_{number:05}" for number in (100, 200)}
    runs.api.is_hidden = lambda row: row["id"] in hidden
    runs.answers = answers
    (warning,) = runs.sync(page_size=100).warnings
    assert f"did not show 2 of them; {WAITS}" in warning
    assert (runs.missing, runs.bookmark) == (hidden, None)
