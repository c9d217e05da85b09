"""Which projects are known, what they are called and when one is gone, whatever was loaded how."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stand_in.server import serving
from stand_in.world import JOBS, RUNS, World
from tests.support.meltano import WAREHOUSE, Meltano
from tests.support.pages import Page, report
from tests.support.syncs import config_of, run_tap
from tests.support.warehouses import duckdb_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stand_in.server import Api
    from tests.support.warehouses import Warehouse

TARGET = Path(sys.executable).with_name("target-duckdb")
KEYS = [f"proj_{letter}" for letter in "abc"]


@pytest.fixture
def api() -> Iterator[Api]:
    """Three projects, each with a job that is broken."""
    world = World()
    for key in KEYS:
        world.add_project(key, f"project {key[-1]}")
        for job in ("nightly", "hourly"):
            world.put(JOBS, key, {"id": f"job_{key}_{job}", "name": job})
            run = {"status": "failed", "duration_seconds": 4_000.0, "cronjob_name": f"{key}-{job}"}
            world.put(RUNS, key, {"id": f"run_{key}_{job}", "job_name": job, **run})
    with serving(world) as api:
        yield api


@pytest.fixture
def meltano(api: Api, tmp_path: Path) -> Meltano:
    return Meltano.of(api, tmp_path)


@pytest.fixture
def loaded(meltano: Meltano) -> Warehouse:
    """A warehouse with all of it, which each test makes another of."""
    meltano.run("tap-dagctl", "target-duckdb")
    return duckdb_at(meltano.directory / WAREHOUSE)


def build(meltano: Meltano, api: Api, *arguments: str, **variables: Any) -> str:
    variables = {"dagctl_as_of": f"{api.world.now:%Y-%m-%d %H:%M:%S}", **variables}
    line = ("invoke", "dbt-duckdb", *(arguments or ("run",)), "--vars", json.dumps(variables))
    done = meltano(*line)
    assert done.returncode == 0, done.stdout
    return done.stdout


def gone(warehouse: Warehouse) -> set[str]:
    rows = warehouse.query("select project_id from dagctl_answers.known_projects where is_gone")
    return {row["project_id"] for row in rows}


def broken(warehouse: Warehouse) -> set[tuple[str, ...]]:
    rows = warehouse.query("select project_name, job_name from dagctl_answers.broken_jobs")
    return {tuple(row.values()) for row in rows}


def ages(warehouse: Warehouse, project: str, days: float) -> None:
    """Let the sync that brought a project be so many days older."""
    warehouse.execute(
        "update dagctl.projects set _sdc_sync_started_at = _sdc_sync_started_at - "  # noqa: S608 - from above
        f"{round(days * 86_400_000)} where id = '{project}'"
    )


def test_what_another_tap_reads_is_not_gone(api: Api, meltano: Meltano) -> None:
    for project, times in (("proj_b", 1), ("proj_a", 2), ("proj_c", 1), ("proj_a", 1)):
        meltano.environment["TAP_DAGCTL_PROJECT_IDS"] = json.dumps([project])
        for _ in range(times):
            meltano.run("--state-id-suffix", project, "tap-dagctl", "target-duckdb")
    warehouse = duckdb_at(meltano.directory / WAREHOUSE)
    for days, expected in ((0, set()), (2.9, set()), (0.2, {"proj_b"})):
        ages(warehouse, "proj_b", days)
        build(meltano, api)
        assert gone(warehouse) == expected
    build(meltano, api, dagctl_gone_after_days=3.5)
    assert gone(warehouse) == set()
    meltano.environment["TAP_DAGCTL_PROJECT_IDS"] = '["proj_b"]'
    meltano.run("--state-id-suffix", "proj_b", "tap-dagctl", "target-duckdb")
    build(meltano, api)
    assert gone(warehouse) == set()


def test_what_a_sync_that_was_cut_off_did_not_get_to_is_not_gone(
    api: Api, meltano: Meltano, loaded: Warehouse, tmp_path: Path
) -> None:
    lines = run_tap(tmp_path, config_of(api)).stdout.splitlines(keepends=True)
    projects = [
        number
        for number, line in enumerate(lines)
        if '"type":"RECORD"' in line.replace(" ", "") and '"stream":"projects"' in line
    ]
    assert len(projects) == len(KEYS)
    config = tmp_path / "target.json"
    path = tmp_path / WAREHOUSE
    settings = {"default_target_schema": "dagctl", "add_record_metadata": True}
    config.write_text(json.dumps({"filepath": str(path), **settings}))
    # Up to the second project.
    cut = "".join(lines[: projects[1]])
    subprocess.run([TARGET, "--config", config], input=cut, text=True, check=True, timeout=60)

    rows = loaded.query("select count(distinct _sdc_sync_started_at) as syncs from dagctl.projects")
    assert rows == [{"syncs": 2}]
    build(meltano, api)
    assert gone(loaded) == set()
    assert len(broken(loaded)) == 2 * len(KEYS)
    # Somebody who says that each sync can be trusted is told otherwise.
    build(meltano, api, dagctl_gone_after_days=0)
    assert len(gone(loaded)) == 2


def test_a_loader_that_does_not_say_when_a_row_came(
    api: Api, meltano: Meltano, loaded: Warehouse
) -> None:
    api.world.delete_project("proj_b")
    api.world.delete(JOBS, "proj_a", "job_proj_a_hourly")
    meltano.run("tap-dagctl", "target-duckdb")
    log = build(meltano, api, dagctl_gone_after_days=0)
    assert "does not say when" not in log
    assert gone(loaded) == {"proj_b"}
    everything = broken(loaded)
    assert everything == {
        ("project a", "nightly"),
        ("project c", "nightly"),
        ("project c", "hourly"),
    }

    # Other loaders stamp the moment a row was read, and no number.
    alter = "alter table dagctl.{table} drop column {column}"
    for table in ("projects", "jobs", "model_stats"):
        loaded.execute(alter.format(table=table, column="_sdc_sync_started_at"))
    loaded.execute(
        "update dagctl.projects set _sdc_extracted_at = _sdc_extracted_at - interval '1 day' "
        "where id = 'proj_b'"
    )
    build(meltano, api, dagctl_gone_after_days=0.5)
    assert gone(loaded) == {"proj_b"}
    assert broken(loaded) == everything

    for table in ("projects", "jobs", "model_stats"):
        for column in ("extracted_at", "received_at", "batched_at", "sequence"):
            loaded.execute(alter.format(table=table, column=f"_sdc_{column}"))
    log = build(meltano, api, dagctl_gone_after_days=0)
    assert log.count("does not say when a row was loaded") == 3
    assert gone(loaded) == set()
    assert len(broken(loaded)) == 2 * len(KEYS)


def test_a_whole_list_of_jobs_that_is_empty(api: Api, meltano: Meltano, loaded: Warehouse) -> None:
    """Then nothing comes that could be newer, so only the days count."""
    for job in ("nightly", "hourly"):
        api.world.delete(JOBS, "proj_a", f"job_proj_a_{job}")
    meltano.run("tap-dagctl", "target-duckdb")
    build(meltano, api)
    assert len(broken(loaded)) == 2 * len(KEYS)
    build(meltano, api, dagctl_as_of=None)
    assert broken(loaded) == set()


@pytest.mark.parametrize("how", ["no table", "no row", "no name"])
def test_projects_that_were_not_loaded(
    api: Api, meltano: Meltano, loaded: Warehouse, tmp_path: Path, how: str
) -> None:
    """They go by their ids, in the answers and on the page; a threshold finds them by it."""
    loaded.execute(
        {
            "no table": "drop table dagctl.projects",
            "no row": "delete from dagctl.projects",
            "no name": "update dagctl.projects set name = null",
        }[how]
    )
    overrides = {"proj_a": 60, "proj_b": 5_000}
    log = build(meltano, api, "build", dagctl_sla_seconds_by_project=overrides)
    assert "no project is called" not in log
    assert gone(loaded) == set()
    assert broken(loaded) == {(key, job) for key in KEYS for job in ("nightly", "hourly")}
    breaches = loaded.query("select project_name, sla_seconds from dagctl_answers.sla_breaches")
    assert [tuple(row.values()) for row in breaches] == [("proj_a", 60), ("proj_c", 1_800)]

    file = tmp_path / "report.html"
    done = report(file, TARGET_DUCKDB_FILEPATH=str(tmp_path / WAREHOUSE))
    assert done.returncode == 0, done.stderr
    found = Page(file.read_text())
    assert sorted(text for tag, text in found.texts if tag == "h3") == KEYS
    assert {row[1] for row in found.table("breaches")[1:]} == {"proj_a", "proj_c"}
