"""A made-up account in a DuckDB file, with the answers built: what the page is measured on.

    .venv/bin/python -m benchmarks.large_account output/large.duckdb
    TARGET_DUCKDB_FILEPATH=output/large.duckdb make report

The tables are filled by SQL, not through the API, which would take minutes. They hold what the
answers read, and what they read of each row.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import duckdb

from stand_in.meltano import MELTANO, environment_for

ROOT = Path(__file__).resolve().parents[2]
AS_OF = "2026-03-04 12:00:00"
# Numbers that look random and are the same each time: a share of one, by what is hashed.
_SHARE = "(hash({}) % 1000000 / 1000000.0)"


def main() -> None:
    """Fill the file, and build the answers in it."""
    parser = argparse.ArgumentParser(description="Fills a DuckDB file with a made-up account.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--projects", type=int, default=200)
    parser.add_argument("--models", type=int, default=500, help="of each project")
    parser.add_argument(
        "--noise",
        type=float,
        default=0.25,
        help="how far a model's p95 moves by itself, 1 is 100 %%",
    )
    options = parser.parse_args()
    options.file.unlink(missing_ok=True)
    began = time.monotonic()
    fill(options.file, options.projects, options.models, options.noise)
    print(f"filled in {time.monotonic() - began:.0f} s", flush=True)
    began = time.monotonic()
    build(options.file)
    print(f"built in {time.monotonic() - began:.0f} s: {options.file}")


def fill(file: Path, projects: int, models: int, noise: float) -> None:
    """Write 35 days of every project, and four weeks of every model, into an empty file."""
    with duckdb.connect(str(file)) as connection:
        connection.execute("create schema dagctl")
        connection.execute("use dagctl")
        for query in _tables(projects, models, noise):
            connection.execute(query)


def build(file: Path) -> None:
    """Build the answers, without their tests."""
    environment = environment_for("http://127.0.0.1:1", "none", "none")
    environment["TARGET_DUCKDB_FILEPATH"] = str(file.resolve())
    variables = json.dumps({"dagctl_as_of": AS_OF})
    done = subprocess.run(
        [str(MELTANO), "invoke", "dbt-duckdb", "run", "--vars", variables],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)


def _tables(projects: int, models: int, noise: float) -> list[str]:
    day = f"date '{AS_OF[:10]}'"
    synced = f"timestamp '{AS_OF}' as _sdc_sync_started_at"
    late = _SHARE.format("project || ' is late', ago")
    ended = _SHARE.format("project || ' ' || run, ago")
    slower = _SHARE.format("project || ' ' || model, week")
    held_back = _SHARE.format("project || ' ' || model || ' is held back'")
    project_id = "'proj_' || lpad(project::varchar, 4, '0')"
    job = "'job ' || (run % 5)"
    model_name = "'analytics.mart_orders_' || lpad(model::varchar, 3, '0')"
    return [
        f"""create table projects as
            select {project_id} as id, 'warehouse of team ' || project as name, {synced}
            from range({projects}) as _ (project)""",
        f"""create table jobs as
            select {project_id} || ' ' || run as id, {project_id} as project_id,
                   {job} as name, {synced}
            from range({projects}) as _ (project), range(5) as _ (run)""",
        f"""create table runs as
            select {project_id} || ' ' || ago || ' ' || run as id, {project_id} as project_id,
                   {job} as job_name, {job} as cronjob_name, 'run' as job_type,
                   case when ago = 0 and {ended} < 0.02 then 'running'
                        when {ended} < 0.03 then 'failed' when {ended} < 0.06 then 'partial'
                        else 'success' end as status,
                   {day} - ago::integer + interval (run) hour as start_time,
                   case when status <> 'running' then start_time + interval 9 minute end
                        as end_time,
                   case when project % 50 = 7 and ago = run then -60
                        when status <> 'running' then 300 + 900 * {ended} end as duration_seconds,
                   case when status = 'failed' then '\x1b[31mRuntime Error in model orders: '
                        || repeat('division by zero ', 20) || '\x1b[0m' end as error_message,
                   start_time as created_at, start_time as updated_at
            from range({projects}) as _ (project), range(35) as _ (ago), range(10) as _ (run)""",
        f"""create table daily_stats as
            select {project_id} as project_id, {day} - ago::integer as date, 10 as total_runs,
                   case when project % 50 = 7 and ago = 9 then -60 else 900 + 1000 * {late} end
                        as p95_duration_seconds, 2400 as max_duration_seconds
            from range({projects}) as _ (project), range(35) as _ (ago)""",
        f"""create table model_stats as
            select {project_id} as project_id, {model_name} as model_name,
                   date '2026-03-02' - 7 * week::integer as start_date,
                   date '2026-03-08' - 7 * week::integer as end_date, 40 as total_executions,
                   10 + model * (1 + {noise} * {slower}) as p95_duration_seconds,
                   10 + model * 3 as max_duration_seconds, {synced}
            from range({projects}) as _ (project), range({models}) as _ (model),
                 range(4) as _ (week)""",
        f"""create table model_executions as
            select {project_id} || ' ' || model || ' ' || ago as id, {project_id} as project_id,
                   {project_id} || ' ' || ago || ' 0' as run_id, {model_name} as model_name,
                   case when {held_back} < 0.01 then 'skipped' else 'success' end as status,
                   {day} - ago::integer + interval 1 hour as start_time,
                   10 + model as duration_seconds, start_time as created_at,
                   start_time as updated_at
            from range({projects}) as _ (project), range({models}) as _ (model),
                 range(7) as _ (ago)""",
    ]


if __name__ == "__main__":
    main()
