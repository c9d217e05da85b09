"""A list without rows may be `[]`, null, or left out: a server written in Go sends any of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from stand_in.history import History
from stand_in.server import Reply
from tests.support.in_process import sync

if TYPE_CHECKING:
    from stand_in.server import Api
    from tests.support.syncs import Tap

LISTS = {
    **{name: name for name in ("runs", "plans", "projects", "jobs")},
    "model-executions": "executions",
    "daily-stats": "daily_stats",
    "model-executions/stats": "stats",
}


@pytest.mark.parametrize("empty_list", ["[]", "null", "left out"])
def test_it_is_no_fault(api: Api, empty_list: str) -> None:
    api.empty_list = empty_list
    assert [name for name, _ in sync(api, max_attempts=1).records] == ["projects", "projects"]
    assert {request.path.split("/", 5)[-1] for request in api.requests} > {"runs", "jobs", "plans"}
    api.world.projects.clear()
    assert sync(api, max_attempts=1).records == []

    History(api.world, days=5)
    first = sync(api, max_attempts=1)
    api.world.advance(days=60)
    idle = sync(api, first.states[-1], max_attempts=1)
    assert {name for name, _ in idle.records} <= {"projects", "jobs"}
    # What comes after it is not lost.
    api.world.put("runs", next(iter(api.world.projects)), {"id": "new"})
    last = sync(api, idle.states[-1], max_attempts=1)
    assert [row["id"] for row in last.rows("runs")] == ["new"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("is_null", [False, True])
def test_where_rows_are_counted_it_is_a_fault(tap: Tap, path: str, *, is_null: bool) -> None:
    answer: dict[str, Any] = {LISTS[path]: None} if is_null else {"error": "made up"}
    counted = {} if path.endswith("stats") else {"total": 2}
    if counted or not is_null:
        body = json.dumps(answer | counted).encode()
        tap.api.misbehave = lambda it: Reply(200, body) if it.path.endswith(f"/{path}") else None
        output = tap(max_attempts=1)

        assert output.exit_code == 1
        assert f"the answer has no list of {LISTS[path]}; check api_url" in output.stderr
