"""Syncs beside others into PostgreSQL, which also keeps their states: the tables are the API's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from stand_in.world import EXECUTIONS, JOBS, PLANS, RUNS
from tests.support.meltano import Meltano
from tests.support.orchestrated import Done, Gate, Place, first_own_line
from tests.support.project import ROOT
from tests.support.warehouses import duckdb_at

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api
    from tests.support.warehouses import Warehouse

TARGET = ROOT / ".meltano" / "loaders" / "target-postgres" / "venv" / "bin" / "target-postgres"


def place_of(api: Api, postgres: Warehouse) -> Place:
    place = Place.of(api, postgres.environment["TARGET_POSTGRES_SQLALCHEMY_URL"], ROOT)
    place.target = str(TARGET)
    place.variables |= postgres.environment
    place.variables["TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA"] = "dagctl"
    return place


def put(api: Api, project: str, name: str) -> None:
    api.world.put(RUNS, project, {"id": f"run {name} of {project}", "duration_seconds": 7})
    api.world.put(EXECUTIONS, project, {"id": f"execution {name} of {project}", "model_name": "m"})
    api.world.put(JOBS, project, {"id": f"job {name} of {project}", "status": None})
    api.world.put(PLANS, project, {"id": f"plan {name} of {project}"})


def test_shards_at_once_fill_the_tables_of_one_sync(api: Api, postgres: Warehouse) -> None:
    for number in range(8):
        api.world.add_project(f"proj_{number}", f"project {number}")
        put(api, f"proj_{number}", "first")
    api.world.advance(minutes=10)
    place = place_of(api, postgres)
    assert place.run("--prepare").exit_code == 0
    for number in (3, 2):
        shards = json.loads(place.program("shards", str(number)).stdout)
        started = [place.start(TAP_DAGCTL_PROJECT_IDS=shard) for shard in shards]
        assert [Done.of(sync).exit_code for sync in started] == [0] * len(shards)
        assert postgres.differences(api.world, api.world.now.date()) == []
        put(api, "proj_1", f"after {number}")
        api.world.advance(minutes=10)


def test_the_state_of_meltano_is_taken_over(api: Api, tmp_path: Path) -> None:
    for project in ("proj_a", "proj_b"):
        put(api, project, "first")
    api.world.advance(minutes=10)
    meltano = Meltano.of(api, tmp_path)
    meltano.run("tap-dagctl", "target-duckdb")
    printed = meltano("state", "get", "dev:tap-dagctl-to-target-duckdb").stdout
    put(api, "proj_a", "second")
    place = Place.of(api, str(tmp_path / "states"), tmp_path / "output" / "warehouse.duckdb")
    state_id = ("--state-id", "tap-dagctl-to-target-duckdb")
    assert place.program("transfer", "import", "-", *state_id, stdin=printed).exit_code == 0
    api.requests.clear()
    assert place.run().exit_code == 0

    asked = [it for it in api.requests if it.path.endswith(("/runs", "/model-executions"))]
    assert len(asked) == 4
    assert all("updated_after" in it.params for it in asked)
    warehouse = duckdb_at(tmp_path / "output" / "warehouse.duckdb")
    assert warehouse.differences(api.world, api.world.now.date()) == []


def test_a_killed_sync_brings_no_older_row_over_a_newer_one(
    api: Api, postgres: Warehouse, tmp_path: Path
) -> None:
    """Its target still has rows to write, which have changed since."""
    for project in ("proj_a", "proj_b"):
        put(api, project, "first")
    api.world.advance(minutes=10)
    place = place_of(api, postgres)
    assert place.run("--prepare").exit_code == 0
    gate = Gate.before(place, tmp_path, "run first of proj_b")
    killed = place.start(target=gate.command)
    gate.wait()
    killed.kill()
    killed.wait()
    api.world.change(RUNS, "proj_b", "run first of proj_b", duration_seconds=8)
    api.world.advance(minutes=10)
    retry = place.start()
    # If it did not wait, it would end here, and the old row would come after the new one.
    says = first_own_line(retry)
    gate.open()
    done = Done.of(retry)
    # Its output ends when the last of its processes has.
    killed.communicate()

    assert done.exit_code == 0, done.stderr
    assert postgres.differences(api.world, api.world.now.date()) == []
    assert says == "Another sync of these projects goes on; waiting for its end"
