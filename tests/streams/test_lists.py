"""Lists that come whole, are empty, or are refused: one list, one project, everything."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from stand_in.history import History
from stand_in.server import Api, Reply, Request, serving
from stand_in.world import PLANS, Row, World, to_text
from tap_dagctl.errors import TapError
from tests.support.at_request import at_request, instead, refuse
from tests.support.catalogs import selecting
from tests.support.in_process import sync
from tests.support.syncs import Json, Output, Tap
from tests.support.truth import difference, in_messages, tables

# Where each list of a project is read, and a status that says it is not to be had.
LISTS = {
    "runs": ("runs", 403),
    "model_executions": ("model-executions", 404),
    "daily_stats": ("runs/daily-stats", 410),
    "model_stats": ("model-executions/stats", 404),
    "jobs": ("jobs", 451),
    "plans": ("plans", 403),
}


@pytest.fixture
def api() -> Iterator[Api]:
    world = History(World(), days=6).world
    for project, days in product(world.projects, range(4)):
        stamp = to_text(world.now - timedelta(days))
        plan = {"plan_type": "explain", "created_at": stamp, "updated_at": stamp}
        world.put(PLANS, project, {"id": f"plan_{days}_of_{project}", **plan})
    world.advance(hours=1)
    with serving(world) as api:
        yield api


@pytest.fixture
def broken(api: Api) -> str:
    return next(iter(api.world.projects))


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


def check_rows(api: Api, records: list[tuple[str, dict[str, Any]]], without: str) -> None:
    """Every row of every project came, those of one left out of account."""
    found = in_messages(records)
    for name, expected in tables(api.world, api.world.now.date()).items():
        if name.endswith("_stats"):
            assert found[name]
            continue
        rows = (
            {key: row for key, row in table.items() if without not in {*key, row.get("project_id")}}
            for table in (found.get(name, {}), expected)
        )
        assert difference(name, *rows) == []


@pytest.mark.parametrize("refused_projects", ["fail", "warn"])
@pytest.mark.parametrize("stream", LISTS)
def test_one_refused_list(broken: str, tap: Tap, stream: str, refused_projects: str) -> None:
    ending, status = LISTS[stream]
    path = f"/projects/{broken}/{ending}"
    refuse(tap.api, {path: status})
    first = tap(refused_projects=refused_projects)

    said = f"GET {path}: the server answered {status}: the project is listed, and its {stream} are "
    if refused_projects == "fail":
        assert first.error == (
            f"{said}refused: ask dagctl why; until then set refused_projects to warn, leave out "
            f"the project, with exclude_project_ids, or deselect {stream}"
        )
    else:
        (warning,) = first.succeeded.warnings
        assert warning.endswith(f"{said}refused: ask dagctl why; everything else is read")
    title = {"fail": "failed", "warn": "refused"}[refused_projects]
    assert f"; {title}: {stream} of {broken}\n" in first.stderr
    everything = set(tap.api.world.projects)
    for name in LISTS:
        missing = {broken} if name == stream else set()
        assert {row["project_id"] for row in first.records(name)} == everything - missing

    # Once it is answered again, what is missing comes, and of the rest nothing comes twice.
    tap.api.misbehave = lambda _: None
    second = tap(state=first.state).succeeded
    for name in {*LISTS} - {"jobs"}:
        of = {row["project_id"] for row in second.records(name)}
        assert of == ({broken} if name == stream else set())


def test_what_is_tolerated_hides_no_other_failure(api: Api, broken: str, tap: Tap) -> None:
    refuse(api, {f"{broken}/runs": 403, f"{broken}/jobs": 500})
    output = tap(refused_projects="warn", max_attempts=1)
    assert output.error.startswith(f"GET /projects/{broken}/jobs: the server answered 500")
    assert f"; failed: jobs of {broken}; refused: runs of {broken}\n" in output.stderr


@pytest.mark.parametrize("refused_projects", ["fail", "warn"])
def test_a_test_fails_as_a_sync(api: Api, broken: str, tap: Tap, refused_projects: str) -> None:
    refuse(api, {f"{broken}/runs": 403})
    output = tap("--test", refused_projects=refused_projects)
    assert output.exit_code == (refused_projects == "fail")
    assert f"GET /projects/{broken}/runs: the server answered 403" in output.stderr


@pytest.mark.parametrize("position", [0, -1])
def test_a_project_is_deleted_any_time(api: Api, position: int) -> None:
    key = list(api.world.projects)[position]
    projects = dict(api.world.projects)
    sync(api, page_size=60)
    requests = len(api.requests)
    assert requests > 20
    warned = 0
    for number in range(1, requests + 2, 5):
        api.world.projects = dict(projects)
        at_request(api, "", number, lambda: api.world.delete_project(key))
        pipe = sync(api, page_size=60)
        check_rows(api, pipe.records, without=key)
        warned += "was deleted while it was read" in "".join(pipe.warnings)
    # Before it is listed, and after it was read, there is nothing to tell.
    assert 0 < warned < requests / 5


def test_a_broken_project_is_still_an_error_when_another_is_deleted(api: Api, broken: str) -> None:
    gone = list(api.world.projects)[-1]

    def misbehave(request: Request) -> Reply | None:
        with api.world.lock:
            if request.path.endswith("/jobs") and gone in api.world.projects:
                api.world.delete_project(gone)
        return Reply(404, b"{}") if request.path.endswith(f"{broken}/runs") else None

    api.misbehave = misbehave
    with pytest.raises(TapError) as caught:
        sync(api)
    assert str(caught.value).startswith(f"GET /projects/{broken}/runs: the server answered 404")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (403, "the token may not read this: check that organization_id is the token's own"),
        (404, "there is nothing here: check api_url"),
        (410, "the request was refused: check the settings"),
    ],
)
def test_an_account_refused(api: Api, tap: Tap, status: int, advice: str) -> None:
    refuse(api, {"": status})
    output = tap(include_sensitive=True, refused_projects="warn")

    assert output.error.startswith(f"GET /projects: the server answered {status}: {advice}")


@pytest.mark.parametrize("refused_projects", ["fail", "warn"])
def test_an_account_that_is_refused_from_some_request_on_is_one_line(
    api: Api, refused_projects: str, caplog: pytest.LogCaptureFixture
) -> None:
    api.misbehave = lambda request: Reply(403, b"{}") if request.number > 5 else None
    with pytest.raises(TapError) as caught, caplog.at_level(logging.WARNING):
        sync(api, refused_projects=refused_projects)

    (line,) = str(caught.value).splitlines()
    assert line.startswith("GET /projects: the server answered 403: the token may not read this")
    assert "is listed, and its" not in caplog.text


def test_where_nobody_knows_if_a_project_was_deleted_all_is_told(api: Api, broken: str) -> None:
    # When the projects have been listed.
    api.misbehave = lambda _: refuse(api, {"/projects": 500, f"{broken}/runs": 404})
    with pytest.raises(TapError) as caught:
        sync(api, max_attempts=1)
    refused, looked = str(caught.value).splitlines()
    assert refused.startswith(f"GET /projects/{broken}/runs: the server answered 404")
    assert looked.startswith("GET /projects: the server answered 500")
