"""What a loader, a user or time can do to the tables, and what the answers make of it."""

from __future__ import annotations

import json
import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.base_time import NOW
from tests.support.dbt_server import Dbt
from tests.support.warehouses import Warehouse, duckdb_at

MILLISECONDS = round(NOW.timestamp() * 1_000)


@pytest.fixture
def copied(built: Path, tmp_path: Path) -> Warehouse:
    shutil.copy(built, tmp_path)
    return duckdb_at(tmp_path / built.name)


@pytest.fixture
def empty(tmp_path: Path) -> Warehouse:
    return duckdb_at(tmp_path / "warehouse.duckdb")


def rows(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in warehouse.query(query)]


def gone(warehouse: Warehouse) -> set[str]:
    found = rows(warehouse, "select project_id from dagctl_answers.known_projects where is_gone")
    return {project for (project,) in found}


def test_what_another_loader_would_have_made(empty: Warehouse, dbt: Dbt) -> None:
    """Lines appended, times with an offset or as text, columns and tables that are not there."""
    empty.execute("""
        create schema dagctl;
        create table dagctl.projects (id text, name text, updated_at text);
        insert into dagctl.projects values ('proj_a', 'old name', '2026-03-01T00:00:00.000000Z'),
            ('proj_a', 'new name', '2026-03-02T00:00:00.500000Z');
        create table dagctl.runs (id text, project_id text, job_name text, status text,
            start_time timestamptz, created_at timestamptz, updated_at timestamptz,
            duration_seconds decimal(18, 3));
        insert into dagctl.runs values
            ('run', 'proj_a', 'nightly', 'running', '2026-03-03 01:30:00+02', null,
                '2026-03-03 01:30:00+02', null),
            ('run', 'proj_a', 'nightly', 'failed', '2026-03-03 01:30:00+02', null,
                '2026-03-03 01:40:00+02', 600.125);
        -- What the API may leave out of an execution, and a time as text with an offset.
        create table dagctl.model_executions (id text, project_id text, model_name text,
            status text, start_time text, updated_at timestamp);
        insert into dagctl.model_executions values
            ('one', 'proj_a', 'm', 'success', '2026-03-03T01:30:00+02:00', '2026-03-03'),
            ('zero', 'proj_a', 'n', 'success', '2026-03-02T23:30:00', '2026-03-03'),
            ('minus', 'proj_a', 'o', 'success', '2026-03-02T18:30:00-05:00', '2026-03-03'),
            ('two', 'proj_a', 'm', 'skipped', null, '2026-03-01'),
            ('three', 'proj_a', 'm', 'skipped', null, '2026-03-01'),
            ('four', 'proj_a', 'm', 'blocked', null, '2026-03-01');
        -- A project that is not in the list goes by its id, also for its threshold.
        create table dagctl.daily_stats (project_id text, date timestamptz,
            p95_duration_seconds double);
        -- The second day is yet to come.
        insert into dagctl.daily_stats values
            ('proj_b', '2026-03-03 01:30:00+02', 100), ('proj_b', '2026-03-05 12:00:00+00', 100);
    """)
    overrides = {"proj_a": 600, "proj_b": 60}
    as_of = "2026-03-04T14:01:40+02:00"
    zone = {"TZ": "America/New_York"}
    variables: dict[str, Any] = {"dagctl_as_of": as_of, "dagctl_sla_seconds_by_project": overrides}
    said = dbt(empty, "run", environment=zone, **variables)
    assert "There is no table" in said
    assert "has no column end_time: it is null" in said
    moment, day = datetime(2026, 3, 2, 23, 30), date(2026, 3, 2)  # noqa: DTZ001 - UTC by contract
    held = "model_name, skipped_executions, blocked_executions, held_back_in_a_row, last_ran_at"
    run = "status, start_time, duration_seconds, end_time, pod_name"
    for columns, table, expected in (
        ("date, executions", "model_days order by 1", [(date(2026, 3, 1), 3), *[(day, 1)] * 3]),
        (held, "held_back_models", [("m", 2, 1, 0, moment)]),
        ("project_name, date, sla_seconds", "sla_breaches", [("proj_b", day, 60)]),
        ("measured_days, days_over", "sla_months", [(1, 1)]),
        ("id, name", "stg_dagctl__projects", [("proj_a", "new name")]),
        (run, "stg_dagctl__runs", [("failed", moment, 600.125, None, None)]),
        ("date, failed_runs", "run_days", [(day, 1)]),
        ("*", "model_regressions", []),
        ("*", "stg_dagctl__plans", []),
        ("as_of", "settings_used", [(NOW.replace(tzinfo=None),)]),
    ):
        found = rows(empty, f"select {columns} from dagctl_answers.{table}")  # noqa: S608 - from above
        assert found == expected, table


def test_what_no_sync_lists_any_more_is_gone_after_days(empty: Warehouse, dbt: Dbt) -> None:
    """By the stamps that the loader makes, whichever they are; without one nothing is gone."""
    empty.execute(f"""
        create schema dagctl;
        create table dagctl.projects as
            select unnest(['new', 'quiet', 'cut off', 'recent', 'old']) as id, id as name,
                {MILLISECONDS} - unnest([0, 0, 1, 70, 75]) * 3_600_000 as _sdc_sync_started_at,
                timestamp '2026-03-04' - unnest([0, 0, 1, 2, 9]) * interval '1 day'
                    as _sdc_batched_at;
        create table dagctl.jobs as
            select unnest(['new', 'new', 'quiet', 'quiet']) as project_id,
                unnest(['a', 'b', 'a', 'b']) as name, project_id || name as id,
                {MILLISECONDS} - unnest([0, 1, 75, 76]) * 3_600_000 as _sdc_sync_started_at;
        create table dagctl.runs as
            select unnest(['new', 'new', 'new', 'quiet', 'quiet']) as project_id,
                unnest(['a', 'b', 'c', 'a', 'b']) as job_name, project_id || job_name as id,
                case job_name when 'c' then null else 'cron' end as cronjob_name,
                timestamp '2026-03-04' as start_time, 'failed' as status, start_time as updated_at;
    """)
    chosen = ("run", "--select", "+known_projects", "+known_jobs")
    gone_jobs = "select project_id, job_name from dagctl_answers.known_jobs where is_gone"
    for days, expected in (
        (3, {"old"}),
        (3.5, set()),
        # Somebody says that each sync can be trusted, also one that was cut off.
        (0, {"cut off", "recent", "old"}),
    ):
        assert "does not say when" not in dbt.build(empty, *chosen, dagctl_gone_after_days=days)
        assert gone(empty) == expected
        # Of a project's newest list; one that is as old as a project that is gone says nothing.
        quiet = {("quiet", "b")} if days == 3.5 else set()
        assert set(rows(empty, gone_jobs)) == {("new", "b"), *quiet}

    for table in ("projects", "jobs"):
        empty.execute(f"alter table dagctl.{table} drop column _sdc_sync_started_at")
    dbt.build(empty, *chosen, dagctl_gone_after_days=3)
    assert gone(empty) == {"old"}
    empty.execute("alter table dagctl.projects drop column _sdc_batched_at")
    log = dbt.build(empty, *chosen, dagctl_gone_after_days=0)
    assert log.count("does not say when a row was loaded") == 2
    assert gone(empty) == set()
    assert rows(empty, gone_jobs) == []


def test_nothing_loaded_in_the_schema_is_not_an_empty_answer(empty: Warehouse, dbt: Dbt) -> None:
    empty.execute("create schema raw; create table raw.projects as select 'p' as id")
    said = dbt(empty, "build", code=1)
    (line,) = {line for line in said.splitlines() if "nothing that tap-dagctl loaded" in line}
    assert "in the schema dagctl: load first, or name the schema" in line
    assert "TARGET_DUCKDB_DEFAULT_TARGET_SCHEMA" in line
    built_tables = "select table_name from duckdb_tables() where schema_name = 'dagctl_answers'"
    assert rows(empty, built_tables) == [("settings_used",)]


def test_what_only_warns_and_what_is_an_error(copied: Warehouse, dbt: Dbt) -> None:
    """What the API may do one day warns; a key that is null does not pass."""
    copied.execute("""
        update dagctl.runs set status = 'napping' where job_name = 'nightly';
        update dagctl.model_executions set run_id = 'nobody' where status = 'success';
        -- The loader's own key would not let it in.
        create or replace table dagctl.daily_stats as
            select * replace (null as date) from dagctl.daily_stats limit 1;
    """)
    tables = [f"stg_dagctl__{it}" for it in ("runs", "model_executions", "daily_stats")]
    said = dbt(copied, "build", "--select", *tables, code=1)
    for name in ("accepted_values_stg_dagctl__runs_st", "relationships_stg_dagctl__model_exec"):
        assert any(" WARN " in line and name in line for line in said.splitlines())
    assert "WARN=2 ERROR=" in said
    assert "FAIL 1 not_null_stg_dagctl__daily_stats_date" in said


def test_a_connection_that_is_not_written_out_in_parts(empty: Warehouse, dbt: Dbt) -> None:
    """What the loader takes, and dbt does not."""
    said = dbt(empty, "debug", "--target", "postgres", parse=True, code=2)
    assert "Env var required but not provided: 'TARGET_POSTGRES_USER'" in said


def test_every_model_and_column_is_described(copied: Warehouse, dbt: Dbt) -> None:
    manifest = json.loads((dbt.target_path(copied) / "manifest.json").read_text())
    described = {
        (node["name"], column["name"])
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        for column in node["columns"].values()
        if column["description"] and node["description"]
    }
    there = "select table_name, column_name from duckdb_columns() where schema_name = '{}'"
    assert described == set(rows(copied, there.format("dagctl_answers")))
