"""A list without rows may be `[]`, null, or left out: a server written in Go sends any of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from stand_in.history import History
from stand_in.server import Reply
from tap_dagctl.tap import TapDagctl
from tests.support.in_process import Collector
from tests.support.syncs import config_of, handlers_kept, run_tap

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api

EMPTY = pytest.mark.parametrize("empty_list", ["[]", "null", "left out"])
PAGED = ["runs", "model-executions", "plans"]
WHOLE = ["projects", "jobs"]
STATISTICS = {"daily-stats": "daily_stats", "model-executions/stats": "stats"}


def sync(api: Api, state: dict[str, Any] | None = None) -> Collector:
    pipe = Collector(None)
    with handlers_kept():
        TapDagctl(
            config=config_of(api, max_attempts=1), state=state, message_writer=pipe
        ).sync_all()
    return pipe


@EMPTY
def test_an_account_without_a_row_is_no_fault(api: Api, empty_list: str) -> None:
    api.empty_list = empty_list

    assert [name for name, _ in sync(api).records] == ["projects", "projects"]
    asked = {request.path.split("/", 5)[-1] for request in api.requests}
    assert len(asked) == len({*PAGED, "jobs", *STATISTICS, "projects"})


@EMPTY
def test_an_organization_without_a_project_is_no_fault(api: Api, empty_list: str) -> None:
    api.empty_list = empty_list
    api.world.projects.clear()

    assert sync(api).records == []


@EMPTY
def test_an_idle_sync_is_no_fault(api: Api, empty_list: str) -> None:
    api.empty_list = empty_list
    History(api.world, days=5)
    first = sync(api)
    api.world.advance(days=60)
    idle = sync(api, first.states[-1])

    assert {name for name, _ in idle.records} <= {"projects", "jobs"}
    # What comes after it is not lost.
    key = next(iter(api.world.projects))
    api.world.put("runs", key, {"id": "new"})
    assert ("runs", "new") in [(n, row.get("id")) for n, row in sync(api, idle.states[-1]).records]


@pytest.mark.parametrize("last", [*PAGED, *WHOLE])
@pytest.mark.parametrize("rows", [{}, {"null": None}])
def test_rows_that_are_counted_and_not_there_stay_a_fault(
    api: Api, tmp_path: Path, last: str, rows: dict[str, Any]
) -> None:
    key = "executions" if last == "model-executions" else last
    body = json.dumps({"total": 2, **dict.fromkeys([key] if rows else [])}).encode()
    api.misbehave = lambda request: Reply(200, body) if request.path.endswith(f"/{last}") else None
    output = run_tap(tmp_path, config_of(api, max_attempts=1))

    assert output.exit_code == 1
    assert f"the answer has no list of {key}; check api_url" in output.stderr


@pytest.mark.parametrize("last", STATISTICS)
def test_an_error_in_place_of_statistics_stays_a_fault(api: Api, tmp_path: Path, last: str) -> None:
    body = b'{"error": "made up"}'
    api.misbehave = lambda request: Reply(200, body) if request.path.endswith(last) else None
    output = run_tap(tmp_path, config_of(api, max_attempts=1))

    assert output.exit_code == 1
    assert f"the answer has no list of {STATISTICS[last]}; check api_url" in output.stderr
