"""Lists that come whole, of which only what changed is sent, or that are empty."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from stand_in.history import History
from stand_in.server import Api, Reply, serving
from stand_in.world import PLANS, World
from tests.support.catalogs import selecting
from tests.support.in_process import sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.syncs import Json, Output, Tap


LISTS = {
    **{name: name for name in ("runs", "plans", "projects", "jobs")},
    "model-executions": "executions",
    "daily-stats": "daily_stats",
    "model-executions/stats": "stats",
}


@pytest.fixture
def api() -> Iterator[Api]:
    with serving(History(World(), days=30).world) as api:
        yield api


def plans(output: Output) -> list[tuple[str, str]]:
    return [(row["id"], row["status"]) for row in output.records("plans")]


def test_of_plans_only_what_changed_is_sent(api: Api, tap: Tap) -> None:
    first = tap(page_size=2)
    listed = [row for key in api.world.projects for row in api.world.rows(PLANS, key)]
    assert len(listed) > 15
    assert sorted(plans(first)) == sorted((row["id"], row["status"]) for row in listed)
    idle = tap(page_size=2, state=first.state)
    assert plans(idle) == []

    api.world.advance(hours=1)
    changed = listed[3]
    api.world.change(PLANS, changed["project_id"], changed["id"], status="cancelled")
    second = tap(page_size=2, state=idle.state)
    assert plans(second) == [(changed["id"], "cancelled")]
    assert plans(tap(state=second.state)) == []
    asked = [request.params for request in api.requests if request.path.endswith("/plans")]
    assert not any("updated_after" in params for params in asked)


def test_plans_before_start_date_are_left_out(api: Api, tap: Tap, catalog: Json) -> None:
    listed = [row for key in api.world.projects for row in api.world.rows(PLANS, key)]
    day = sorted(row["updated_at"] for row in listed)[len(listed) // 2][:10]
    expected = sorted(row["id"] for row in listed if row["updated_at"] >= day)
    assert 0 < len(expected) < len(listed)

    # Without a bookmark, too.
    for entry in catalog["streams"]:
        entry["replication_method"] = "FULL_TABLE"
    for given in (None, selecting(catalog, ["plans"])):
        output = tap(start_date=day, catalog=given)
        assert sorted(key for key, _ in plans(output)) == expected


@pytest.mark.parametrize("path", ["/projects", "/jobs"])
def test_a_whole_list_that_did_not_come_whole_is_an_error(api: Api, tap: Tap, path: str) -> None:
    body = json.dumps({path[1:]: [{"id": "a"}], "total": 2}).encode()
    api.misbehave = lambda request: Reply(200, body) if request.path.endswith(path) else None
    output = tap(max_attempts=1)

    assert output.exit_code == 1
    assert f"the answer has 1 of 2 {path[1:]}, so rows would be lost" in output.stderr


@pytest.mark.parametrize("empty_list", ["[]", "null", "left out"])
def test_an_empty_list_is_no_fault(api: Api, empty_list: str) -> None:
    api.empty_list = empty_list
    api.world.projects.clear()
    assert sync(api, max_attempts=1).records == []
    api.world.add_project("proj_a", "empty")
    assert [name for name, _ in sync(api, max_attempts=1).records] == ["projects"]

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
def test_a_list_that_is_not_there_is_a_fault(tap: Tap, path: str, *, is_null: bool) -> None:
    answer: Json = {LISTS[path]: None} if is_null else {"error": "made up"}
    counted = {} if path.endswith("stats") else {"total": 2}
    if counted or not is_null:
        body = json.dumps(answer | counted).encode()
        tap.api.misbehave = lambda it: Reply(200, body) if it.path.endswith(f"/{path}") else None
        output = tap(max_attempts=1)

        assert output.exit_code == 1
        assert f"the answer has no list of {LISTS[path]}; check api_url" in output.stderr
