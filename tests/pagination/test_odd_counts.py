"""Servers that count other rows than they show: none is lost, and none is hunted for ever."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stand_in.server import Api, Request
from stand_in.world import PLANS
from tap_dagctl import timestamps
from tap_dagctl.api.request import Answer
from tap_dagctl.pagination.count import RowCount
from tap_dagctl.pagination.page import Page, PageNumber
from tap_dagctl.records.record import Row
from tests.support import in_process
from tests.support.simulation import Act, Maker

BEGAN = "2026-03-02T06:00:00.000000Z"
WAITS = "the bookmark waits"
GIVES_UP = "a day has passed"


def test_a_total_that_ignores_updated_after(odd: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    history = odd(3_000, counts="unfiltered", projects=3)
    for project in (1, 2):
        history.fill(3_000, project=project)
    assert history.sync().asked() <= 7
    history.world.advance(minutes=10)
    idle = history.sync()
    assert (idle.ids, idle.warnings, history.is_caught_up) == ([], [], True)
    assert sorted(idle.asked(f"/{key}/runs") for key in history.world.projects) == [1, 1, 2]

    history.act(Act("update", picks=tuple(range(600))))
    # Nor does a walk that is given up heed it.
    monkeypatch.setattr("tap_dagctl.pagination.paginator.MAX_REQUESTS_A_PAGE", 0.1)
    last = history.sync()
    assert (len(last.ids), last.warnings, history.missing) == (600, [], set())
    assert history.is_caught_up


def test_a_total_of_a_thousand_million(odd: Maker) -> None:
    history = odd(3_000, counts="absurd")
    first = history.sync()
    (warning,) = first.warnings
    assert f"counts 1000000000 rows and did not show {10**9 - 3_000} of them; {WAITS}" in warning
    assert (history.missing, history.bookmark) == (set(), None)
    assert first.asked() <= 56

    for hours, says, is_over in ((23, WAITS, False), (1, GIVES_UP, True)):
        history.world.advance(hours=hours)
        later = history.sync()
        assert says in later.warnings[0]
        assert (later.ids, history.is_caught_up) == ([], is_over)
    history.world.advance(minutes=10)
    idle = history.sync()
    assert (idle.ids, idle.warnings) == ([], [])
    assert idle.asked() <= 2


def test_rows_never_shown_hide_no_other(api: Api) -> None:
    """Plans are read whole each time, so what is counted and not shown is missing each time."""
    hidden = {f"plan_{number}" for number in (3, 4, 500, 900, 1_199)}
    api.is_hidden = lambda row: row["id"] in hidden
    for number in range(1_200):
        api.world.put(PLANS, "proj_a", {"id": f"plan_{number}"})
    state: Any = None

    def sync(most: int, *new: str, **pause: float) -> tuple[list[str], str]:
        """Put new plans there; return what came after a pause, and what was said."""
        nonlocal state
        for key in new:
            api.world.put(PLANS, "proj_a", {"id": key})
        api.world.advance(**pause)
        pipe = in_process.sync(api, state, ["plans"], project_ids=["proj_a"], max_connections=1)
        state = pipe.states[-1]
        assert len(pipe.requests) <= most + 1
        return pipe.ids, "".join(pipe.warnings)

    ids, said = sync(25, hours=1)
    assert f"counts 1200 rows and did not show 5 of them; {WAITS}" in said
    assert {*ids} == {row["id"] for row in api.world.rows(PLANS, "proj_a")} - hidden
    assert f"counts 1200 rows and did not show 5 of them; {GIVES_UP}" in sync(25, days=1)[1]
    assert sync(5, minutes=10) == sync(5, minutes=10) == ([], "")

    # A sixth row is owed, whatever was given up before, and comes when it is shown.
    hidden.add("hidden for now")
    ids, said = sync(25, "hidden for now", "shown", minutes=10)
    assert ids == ["shown"]
    assert f"did not show 1 of them; {WAITS}" in said
    hidden.remove("hidden for now")
    assert sync(25) == (["hidden for now"], "")

    # And so is one, after another of those given up has come after all.
    hidden.remove("plan_3")
    sync(25)
    hidden.add("hidden")
    assert f"did not show 1 of them; {WAITS}" in sync(25, "hidden", minutes=10)[1]


def add(count: RowCount, total: int, ids: str, **times: str) -> None:
    """Count a page of rows that were made, and last updated, before the walk began or then."""
    times = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-03-01T00:00:00Z", **times}
    page: list[Row] = [(key, times["updated_at"], dict(times)) for key in ids]
    began = timestamps.parse(BEGAN)
    answer = Answer(None, began, began, 0.0, 0.0)
    count.add(Page(1, 500, page, total, 1, PageNumber(1, 500), answer), page)


def test_a_loop_does_not_count_what_came_before_an_interruption() -> None:
    count = RowCount(None, expected=0, surplus=0)
    count.resume(5, 10, BEGAN)
    add(count, 10, "67")
    assert count.missing() == 3

    count.begin_loop()
    # It shows again four of the five, and the two.
    add(count, 10, "123467")
    assert count.missing() == 4


def test_a_row_that_an_update_brings_into_the_list_makes_up_for_none() -> None:
    count = RowCount("2026-02-01T00:00:00.000000Z", expected=0, surplus=0)
    add(count, 2, "1", created_at="2026-02-28T00:00:00Z")
    add(count, 3, "2", updated_at="2026-03-02T06:00:09.000000Z")
    assert count.missing() == 1


def test_rows_that_are_deleted_do_not_make_up_for_missing_ones() -> None:
    count = RowCount(None, expected=0, surplus=0)
    # Two rows are inserted, which is not noticed in the rows, and two are deleted.
    for total, rows in ((8, "1234"), (10, "567"), (8, "8")):
        add(count, total, rows)
    assert count.missing() == 2


def test_rows_of_before_an_interruption_make_up_for_no_hidden_ones(api: Api, odd: Maker) -> None:
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
