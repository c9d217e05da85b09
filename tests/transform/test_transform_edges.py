"""What a loader, a user or time can do to the tables, and what the answers make of it."""

from __future__ import annotations

import json
import shutil
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from stand_in.history import History
from stand_in.server import serving
from stand_in.world import World
from tests.support.awkward import add_awkward_projects
from tests.support.base_time import NOW
from tests.support.meltano import WAREHOUSE, Meltano
from tests.support.warehouses import duckdb_at

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

AS_OF = {"dagctl_as_of": f"{NOW:%Y-%m-%d %H:%M:%S}"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Meltano, World]:
    """A loaded and built warehouse, to be copied and not to be changed."""
    directory = tmp_path_factory.mktemp("built")
    world = History(World(now=NOW), days=14).world
    add_awkward_projects(world, range(2))
    with serving(world) as api:
        meltano = Meltano.of(api, directory)
        meltano.run("tap-dagctl", "target-duckdb")
    assert dbt(meltano).returncode == 0
    return meltano, world


@pytest.fixture
def copied(built: tuple[Meltano, World], tmp_path: Path) -> tuple[Meltano, Path]:
    """The same, in a file of the test's own."""
    meltano, _ = built
    file = tmp_path / "warehouse.duckdb"
    shutil.copy(meltano.directory / WAREHOUSE, file)
    own = Meltano(meltano.directory, {**meltano.environment, "TARGET_DUCKDB_FILEPATH": str(file)})
    return own, file


def dbt(meltano: Meltano, *arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    arguments = arguments or ("build",)
    return meltano("invoke", "dbt-duckdb", *arguments, "--vars", json.dumps({**AS_OF, **variables}))


def change(file: Path, *statements: str) -> None:
    with duckdb.connect(str(file)) as connection:
        for statement in statements:
            connection.execute(statement)


def rows(file: Path, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in duckdb_at(file).query(query)]


def test_what_another_loader_would_have_made(built: tuple[Meltano, World], tmp_path: Path) -> None:
    """Lines appended, times with an offset or as text, columns and tables that are not there."""
    file = tmp_path / "warehouse.duckdb"
    change(
        file,
        "create schema dagctl",
        "create table dagctl.projects (id text, name text, updated_at text)",
        """insert into dagctl.projects values
            ('proj_a', 'old name', '2026-03-01T00:00:00.000000Z'),
            ('proj_a', 'new name', '2026-03-02T00:00:00.500000Z')""",
        """create table dagctl.runs (id text, project_id text, job_name text, status text,
            start_time timestamptz, created_at timestamptz, updated_at timestamptz,
            duration_seconds decimal(18, 3))""",
        """insert into dagctl.runs values
            ('run', 'proj_a', 'nightly', 'running', '2026-03-03 01:30:00+02', null,
                '2026-03-03 01:30:00+02', null),
            ('run', 'proj_a', 'nightly', 'failed', '2026-03-03 01:30:00+02', null,
                '2026-03-03 01:40:00+02', 600.125)""",
        # What the API may leave out of an execution, and a time as text with an offset.
        """create table dagctl.model_executions (id text, project_id text, model_name text,
            status text, start_time text, updated_at timestamp)""",
        """insert into dagctl.model_executions values
            ('one', 'proj_a', 'm', 'success', '2026-03-03T01:30:00+02:00', '2026-03-03'),
            ('two', 'proj_a', 'm', 'skipped', null, '2026-03-01'),
            ('three', 'proj_a', 'm', 'skipped', null, '2026-03-01'),
            ('four', 'proj_a', 'm', 'blocked', null, '2026-03-01')""",
        # An override by id holds where no project was loaded.
        """create table dagctl.daily_stats (project_id text, date timestamptz,
            p95_duration_seconds double)""",
        "insert into dagctl.daily_stats values ('proj_b', '2026-03-03 01:30:00+02', 100)",
    )
    meltano = Meltano(
        built[0].directory, {**built[0].environment, "TARGET_DUCKDB_FILEPATH": str(file)}
    )
    overrides = {"proj_a": 600, "proj_b": 60}
    done = dbt(meltano, "run", dagctl_sla_seconds_by_project=overrides)

    assert done.returncode == 0, done.stdout
    assert "There is no table" in done.stdout
    assert "has no column end_time: it is null" in done.stdout
    assert rows(file, "select date, executions from dagctl_answers.model_days order by date") == [
        (date(2026, 3, 1), 3),
        (date(2026, 3, 2), 1),
    ]
    assert rows(
        file,
        "select model_name, skipped_executions, blocked_executions, held_back_in_a_row, "
        "last_ran_at from dagctl_answers.held_back_models",
    ) == [("m", 2, 1, 0, datetime(2026, 3, 2, 23, 30))]  # noqa: DTZ001 - UTC by contract
    assert rows(file, "select project_id, date, sla_seconds from dagctl_answers.sla_breaches") == [
        ("proj_b", date(2026, 3, 2), 60)
    ]
    assert rows(file, "select id, name from dagctl_answers.stg_dagctl__projects") == [
        ("proj_a", "new name")
    ]
    assert rows(
        file,
        "select status, start_time, duration_seconds, end_time, pod_name "
        "from dagctl_answers.stg_dagctl__runs",
    ) == [("failed", datetime(2026, 3, 2, 23, 30), 600.125, None, None)]  # noqa: DTZ001 - UTC by contract
    assert rows(file, "select date, failed_runs from dagctl_answers.run_days") == [
        (date(2026, 3, 2), 1)
    ]
    for empty in ("model_regressions", "stg_dagctl__plans"):
        assert rows(file, f"from dagctl_answers.{empty}") == []


def test_nothing_loaded_in_the_schema_is_not_an_empty_answer(
    built: tuple[Meltano, World], tmp_path: Path
) -> None:
    file = tmp_path / "warehouse.duckdb"
    meltano = Meltano(
        built[0].directory, {**built[0].environment, "TARGET_DUCKDB_FILEPATH": str(file)}
    )
    done = dbt(meltano)

    assert done.returncode == 1, done.stdout
    lines = [line for line in done.stdout.splitlines() if "nothing that tap-dagctl loaded" in line]
    assert len(lines) == 1
    assert "in the schema dagctl: load first, or name the schema" in lines[0]
    built_tables = "select table_name from duckdb_tables() where schema_name = 'dagctl_answers'"
    assert rows(file, built_tables) == [("settings_used",)]


def test_what_only_warns(copied: tuple[Meltano, Path]) -> None:
    """What the API may do one day."""
    meltano, file = copied
    change(
        file,
        "update dagctl.runs set status = 'napping' where job_name = 'nightly'",
        "update dagctl.model_executions set run_id = 'nobody' where model_name = 'a'",
    )
    done = dbt(meltano)

    assert done.returncode == 0, done.stdout
    assert "WARN=2 ERROR=0" in done.stdout
    for name in (
        "accepted_values_stg_dagctl__runs_status",
        "relationships_stg_dagctl__model_executions_run_id",
    ):
        assert any(" WARN " in line and name in line for line in done.stdout.splitlines())


def test_a_broken_key_is_an_error(copied: tuple[Meltano, Path]) -> None:
    meltano, file = copied
    change(
        file,
        # The loader's own key would not let it in.
        """create or replace table dagctl.daily_stats as
            select * replace (null as date) from dagctl.daily_stats limit 1""",
    )
    done = dbt(meltano, "build", "--select", "stg_dagctl__daily_stats")

    assert done.returncode == 1, done.stdout
    assert "FAIL 1 not_null_stg_dagctl__daily_stats_date" in done.stdout


def test_a_connection_that_is_not_written_out_in_parts(built: tuple[Meltano, World]) -> None:
    """What the loader takes, and dbt does not."""
    url = {"TARGET_POSTGRES_SQLALCHEMY_URL": "postgresql+psycopg2://user@localhost/database"}
    meltano = Meltano(built[0].directory, {**built[0].environment, **url})
    done = meltano("invoke", "dbt-postgres", "debug")

    assert done.returncode != 0
    assert "Env var required but not provided: 'TARGET_POSTGRES_USER'" in done.stdout + done.stderr


def test_the_moment_asked_for_may_have_an_offset(copied: tuple[Meltano, Path]) -> None:
    meltano, file = copied
    asked = dbt(meltano, "run", "-s", "settings_used", dagctl_as_of="2026-03-04T00:30:00+02:00")

    assert asked.returncode == 0, asked.stdout
    assert rows(file, "select as_of from dagctl_answers.settings_used") == [
        (datetime(2026, 3, 3, 22, 30),)  # noqa: DTZ001 - UTC by contract
    ]


def test_freshness_warns_and_stops_nothing(copied: tuple[Meltano, Path]) -> None:
    """The rows are of 2026-03-04."""
    meltano, file = copied
    stale = meltano("invoke", "dbt-duckdb:freshness")
    change(file, "update dagctl.runs set updated_at = now() at time zone 'UTC'")
    fresh = meltano("invoke", "dbt-duckdb:freshness")

    assert (stale.returncode, fresh.returncode) == (0, 0), stale.stdout + fresh.stdout
    assert "WARN freshness of dagctl.runs" in stale.stdout
    assert "PASS freshness of dagctl.runs" in fresh.stdout
    assert "WARN freshness of dagctl.model_executions" in fresh.stdout


def test_every_model_and_column_is_described(built: tuple[Meltano, World]) -> None:
    meltano, _ = built
    manifest = json.loads((meltano.directory / ".meltano/dbt/duckdb/manifest.json").read_text())
    described = {
        (node["name"], column["name"])
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        for column in node["columns"].values()
        if column["description"] and node["description"]
    }
    there = rows(
        meltano.directory / WAREHOUSE,
        "select table_name, column_name from duckdb_columns() where schema_name = 'dagctl_answers'",
    )
    assert described == set(there)
