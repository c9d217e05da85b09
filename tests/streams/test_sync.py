"""A whole sync against the stand-in, as a program."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tests.support.syncs import config_of, run_tap

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api

ROWS = 1_234


@pytest.fixture
def runs(api: Api) -> list[str]:
    """Runs of `proj_a`, a minute apart, and none of `proj_b`."""
    for number in range(ROWS):
        api.world.advance(minutes=1)
        api.world.put(
            "runs",
            "proj_a",
            {"id": f"run_{number:05}", "job_name": "nightly", "status": "success"},
        )
    api.world.advance(hours=1)
    return [f"run_{number:05}" for number in range(ROWS)]


def test_every_row_arrives_once_in_as_few_requests_as_there_are_pages(
    api: Api, runs: list[str], tmp_path: Path
) -> None:
    output = run_tap(tmp_path, config_of(api))

    assert output.exit_code == 0, output.stderr
    assert sorted(row["id"] for row in output.records("runs")) == runs
    asked = [request for request in api.requests if request.path.endswith("proj_a/runs")]
    assert math.ceil(ROWS / 500) <= len(asked) <= math.ceil(math.ceil(ROWS / 500) * 1.1)
    assert asked[0].params == {"page": "1", "limit": "500", "include_stats": "false"}
    of_the_other = [request for request in api.requests if request.path.endswith("proj_b/runs")]
    assert len(of_the_other) == 1
    assert {request.headers["authorization"] for request in api.requests} == {
        f"Bearer {api.world.token}"
    }


def test_the_second_sync_asks_from_the_bookmark_less_the_overlap(
    api: Api, runs: list[str], tmp_path: Path
) -> None:
    first = run_tap(tmp_path, config_of(api))
    api.requests.clear()
    api.world.advance(minutes=10)
    api.world.change("runs", "proj_a", runs[7], status="failed", error_message="out of memory")
    second = run_tap(tmp_path, config_of(api), state=first.state)

    assert [row["id"] for row in second.records("runs")] == [runs[7]]
    asked = [request for request in api.requests if request.path.endswith("proj_a/runs")]
    assert [request.params for request in asked] == [
        {
            "page": "1",
            "limit": "500",
            "include_stats": "false",
            # 06:00 + 1,234 minutes + 1 hour, less the second the answer may have taken, less 60
            "updated_after": "2026-03-03T03:32:59.000000Z",
        }
    ]
