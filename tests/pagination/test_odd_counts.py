"""Servers that count other rows than they show: none is lost, and none is hunted for ever.

What they cost is bounded as in `test_odd_servers`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from stand_in.world import PLANS
from tests.support import in_process
from tests.support.simulation import Act

if TYPE_CHECKING:
    from collections.abc import Callable

    from stand_in.server import Api, Request
    from tests.support.simulation import Simulation

    Odd = Callable[..., Simulation]

WAITS = "the bookmark waits"
GIVES_UP = "a day has passed"


def test_a_total_that_ignores_updated_after(odd: Odd) -> None:
    history = odd(3_000, counts="unfiltered", projects=3)
    for project in (1, 2):
        history.fill(3_000, project=project)
    first = history.sync()
    assert (first.warnings, history.missing) == ([], set())
    assert first.asked <= 7
    history.world.advance(minutes=10)
    idle = history.sync()
    assert (idle.ids, idle.warnings) == ([], [])
    assert history.is_caught_up
    asked = sorted(idle.requests["runs", project] for project in history.world.projects)
    assert asked == [1, 1, 2]


def test_a_walk_that_is_given_up_heeds_no_total_that_ignores_updated_after(
    odd: Odd, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = odd(1_200, counts="unfiltered")
    history.sync()
    history.act(Act("update", picks=tuple(range(600))))
    monkeypatch.setattr("tap_dagctl.pagination.paginator.MAX_REQUESTS_A_PAGE", 0.1)
    second = history.sync()
    assert (len(second.ids), second.warnings, history.missing) == (600, [], set())
    assert history.is_caught_up


def test_a_total_of_a_thousand_million(odd: Odd) -> None:
    history = odd(3_000, counts="absurd")
    first = history.sync()
    (warning,) = first.warnings
    assert f"counts 1000000000 rows and did not show {10**9 - 3_000} of them; {WAITS}" in warning
    assert (history.missing, history.bookmark) == (set(), None)
    assert first.asked <= 56

    history.world.advance(hours=23)
    assert WAITS in history.sync().warnings[0]
    assert history.bookmark is None
    history.world.advance(hours=1)
    last = history.sync()
    (warning,) = last.warnings
    assert GIVES_UP in warning
    assert last.ids == []
    assert history.is_caught_up

    history.world.advance(minutes=10)
    idle = history.sync()
    assert (idle.ids, idle.warnings) == ([], [])
    assert idle.asked <= 2
    history.act(Act("update", picks=(3,)))
    assert len(history.sync().ids) == 1


def test_rows_never_shown_hide_no_other(api: Api) -> None:
    """Plans are read whole each time, so what is counted and not shown is missing each time."""
    hidden = {f"plan_{number}" for number in (3, 4, 500, 900, 1_199)}
    api.is_hidden = lambda row: row["id"] in hidden
    for number in range(1_200):
        api.world.put(PLANS, "proj_a", {"id": f"plan_{number}"})
    state: Any = None

    def sync(**pause: float) -> tuple[list[str], str, int]:
        """Return what came after a pause, what was said, and how often was asked."""
        nonlocal state
        api.world.advance(**pause)
        api.requests.clear()
        pipe = in_process.sync(api, state, ["plans"], project_ids=["proj_a"], max_connections=1)
        state = pipe.states[-1]
        ids = [row["id"] for row in pipe.rows("plans")]
        return ids, "".join(pipe.warnings), len(api.requests) - 1

    ids, said, requests = sync(hours=1)
    assert f"counts 1200 rows and did not show 5 of them; {WAITS}" in said
    assert {*ids} == {row["id"] for row in api.world.rows(PLANS, "proj_a")} - hidden
    assert requests <= 25
    ids, said, _ = sync(days=1)
    assert f"counts 1200 rows and did not show 5 of them; {GIVES_UP}" in said
    for _ in range(3):
        ids, said, requests = sync(minutes=10)
        assert (ids, said) == ([], "")
        assert requests <= 5

    # A sixth row is owed, whatever was given up before, and comes when it is shown.
    hidden.add("hidden for now")
    for key in ("hidden for now", "shown"):
        api.world.put(PLANS, "proj_a", {"id": key})
    ids, said, _ = sync(minutes=10)
    assert ids == ["shown"]
    assert f"did not show 1 of them; {WAITS}" in said
    hidden.remove("hidden for now")
    assert sync()[:2] == (["hidden for now"], "")
    assert sync()[:2] == ([], "")

    # And so is one, after another of those given up has come after all.
    hidden.remove("plan_3")
    sync()
    hidden.add("hidden")
    api.world.put(PLANS, "proj_a", {"id": "hidden"})
    assert f"did not show 1 of them; {WAITS}" in sync(minutes=10)[1]


@pytest.mark.parametrize("new", [0, 2], ids=["none is new", "two are new"])
def test_deleted_rows_do_not_make_up_for_hidden_ones(api: Api, odd: Odd, new: int) -> None:
    def answer(request: Request, number: int) -> dict[str, Any]:
        if number == 2:
            history.world.advance(seconds=5)
            for shown in history.runs[7:9]:
                history.world.delete("runs", "proj_0", shown["id"])
            history.act(Act("insert", picks=tuple(range(new))))
        return api.answer(request)

    history = odd(700)
    hidden = history.hide([600, 601])
    history.answer = answer
    (warning,) = history.sync().warnings
    assert f"did not show 2 of them; {WAITS}" in warning
    assert (history.missing, history.bookmark) == (hidden, None)


def test_rows_of_before_an_interruption_do_not_make_up_for_hidden_ones(api: Api, odd: Odd) -> None:
    def answer(request: Request, number: int) -> dict[str, Any]:
        if number == 1:
            return api.answer(request)
        # Another backend, whose pages are smaller, shows rows that were read before.
        asked = request.params["limit"]
        answer = api.answer(replace(request, params={**request.params, "limit": "20"}))
        return {**answer, "limit": int(asked), "total_pages": None}

    history = odd(3_000, page_size=100)
    history.sync(cut=2_500)
    hidden = history.hide([2_799, 2_899])
    history.answer = answer
    (warning,) = history.sync().warnings
    assert f"did not show 2 of them; {WAITS}" in warning
    assert (history.missing, history.bookmark) == (hidden, None)
