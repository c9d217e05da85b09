"""Lists that come whole, of which only what changed is sent, or that are empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stand_in.history import History
from stand_in.server import Api, Reply, serving
from stand_in.world import PLANS, Row, World
from tests.support.at_request import instead
from tests.support.catalogs import selecting
from tests.support.in_process import sync
from tests.support.syncs import Json, Output, Tap


@pytest.fixture
def api() -> Iterator[Api]:
    with serving(History(World(), days=30).world) as api:
        yield api


@pytest.fixture
def listed(api: Api) -> list[Row]:
    """Every plan of the account."""
    return [row for key in api.world.projects for row in api.world.rows(PLANS, key)]


def plans(output: Output) -> list[tuple[str, str]]:
    return [(row["id"], row["status"]) for row in output.records("plans")]


def test_of_plans_only_what_changed_is_sent(api: Api, tap: Tap, listed: list[Row]) -> None:
    first = tap(page_size=2)
    assert sorted(plans(first)) == sorted((row["id"], row["status"]) for row in listed)

    api.world.advance(hours=1)
    changed = listed[3]
    api.world.change(PLANS, changed["project_id"], changed["id"], status="cancelled")
    second = tap(page_size=2, state=first.state)
    assert plans(second) == [(changed["id"], "cancelled")]
    assert plans(tap(state=second.state)) == []
    asked = [request.params for request in api.requests if request.path.endswith("/plans")]
    assert not any("updated_after" in params for params in asked)


def test_plans_before_start_date_are_left_out(tap: Tap, catalog: Json, listed: list[Row]) -> None:
    day = sorted(row["updated_at"] for row in listed)[len(listed) // 2][:10]
    expected = sorted(row["id"] for row in listed if row["updated_at"] >= day)
    assert 0 < len(expected) < len(listed)

    # Without a bookmark, too.
    for entry in catalog["streams"]:
        entry["replication_method"] = "FULL_TABLE"
    for given in (None, selecting(catalog, ["plans"])):
        assert sorted(tap(start_date=day, catalog=given).ids("plans")) == expected
    tap.api.is_hidden = lambda row: row["id"] == expected[0]
    said = tap(start_date=day, catalog=catalog).stderr
    assert "did not show 1 of them; the next sync reads everything again" in said


@pytest.mark.parametrize("empty_list", ["[]", "null", "left out"])
def test_an_empty_list_is_no_fault(api: Api, empty_list: str) -> None:
    api.empty_list = empty_list
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


@pytest.mark.parametrize(
    ("path", "body", "line"),
    [
        ("projects", '{"projects": [{"id": "a"}], "total": 2}', "has 1 of 2 projects, so rows"),
        ("jobs", '{"jobs": [{"id": "a"}], "total": 2}', "has 1 of 2 jobs, so rows would be lost"),
        ("jobs", '{"jobs": null, "total": 2}', "has no list of jobs; check api_url"),
        ("runs", '{"runs": null, "total": 2}', "has no list of runs; check api_url"),
        ("plans", '{"error": "made up"}', "has no list of plans; check api_url"),
        ("daily-stats", '{"error": "made up"}', "has no list of daily_stats; check api_url"),
        ("model-executions/stats", '{"error": 1}', "has no list of stats; check api_url"),
    ],
)
def test_a_list_that_is_not_there_or_not_whole_is_a_fault(
    api: Api, tap: Tap, path: str, body: str, line: str
) -> None:
    instead(api, f"/{path}", Reply(200, body.encode()))
    output = tap(max_attempts=1)

    assert output.exit_code == 1
    assert f"the answer {line}" in output.stderr
