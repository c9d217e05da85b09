"""One sync as a program: what it loads, keeps and says, and its exit code in every case."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from orchestrate.state_backend import state_backend
from orchestrate.states import NO_PROJECT
from stand_in.server import Reply
from stand_in.world import EXECUTIONS, JOBS, PLANS, RUNS
from tests.support.orchestrated import Done, Place
from tests.support.state_backends import KINDS, backend_of
from tests.support.syncs import run_tap, config_of
from tests.support.warehouses import duckdb_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stand_in.server import Api, Request

STATE_ID = "tap-dagctl-to-target-duckdb"


@pytest.fixture
def place(api: Api, tmp_path: Path) -> Place:
    """Two projects with a few rows, a folder of states, a DuckDB file."""
    for project in ("proj_a", "proj_b"):
        put(api, project, "first")
    return Place.of(api, str(tmp_path / "states"), tmp_path / "warehouse.duckdb")


def put(api: Api, project: str, name: str) -> None:
    api.world.put(RUNS, project, {"id": f"run {name} of {project}", "duration_seconds": 7})
    api.world.put(EXECUTIONS, project, {"id": f"execution {name} of {project}", "model_name": "m"})
    api.world.put(JOBS, project, {"id": f"job {name} of {project}", "status": None})
    api.world.put(PLANS, project, {"id": f"plan {name} of {project}"})
    api.world.advance(minutes=10)


def differences(api: Api, tmp_path: Path) -> list[str]:
    warehouse = duckdb_at(tmp_path / "warehouse.duckdb")
    return warehouse.differences(api.world, api.world.now.date())


def parts(place: Place, state_id: str = STATE_ID) -> dict[str, Any]:
    with state_backend(place.variables["STATE_BACKEND_URI"], state_id) as backend:
        return backend.read(backend.names())


@pytest.mark.parametrize("kind", KINDS)
def test_two_syncs_load_what_the_api_holds(api: Api, tmp_path: Path, kind: str) -> None:
    put(api, "proj_a", "first")
    with backend_of(kind, tmp_path / "backend") as (uri, variables):
        place = Place.of(api, uri, tmp_path / "warehouse.duckdb")
        place.variables |= variables
        first = place.run()
        put(api, "proj_b", "second")
        second = place.run()

    assert (first.exit_code, second.exit_code) == (0, 0), first.stderr + second.stderr
    assert differences(api, tmp_path) == []
    assert sent(second, "runs") == 1
    # What the tap says lands where the orchestrator's log is.
    assert "INFO" in second.stderr


def sent(done: Done, stream: str) -> int:
    """Return how many records of a stream the tap counted."""
    points = [line for line in done.stderr.splitlines() if '"metric": "record_count"' in line]
    found = [json.loads(line[line.index("{") :]) for line in points if f'"{stream}"' in line]
    return sum(point["value"] for point in found)
