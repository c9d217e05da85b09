"""The run that each finding names: the longest, the slowest, the newest, as Python finds it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import duckdb
from hypothesis import example, given, settings
from hypothesis import strategies as st

from report import queries

NOON = datetime(2026, 3, 4, 12)  # noqa: DTZ001 - UTC by contract
TODAY = NOON.date()
MOMENTS = st.integers(0, 60).map(lambda hours: NOON - timedelta(hours=hours))
COMMON = {
    "project_id": st.sampled_from("pq"),
    "start_time": st.none() | MOMENTS,
    "created_at": MOMENTS,
    "duration_seconds": st.none() | st.sampled_from([0.0, 1.0, 2.0]),
}
RUN = {"id": st.sampled_from("abcdefgh"), "job_name": st.sampled_from([None, "", "nightly"])}
EXECUTION = {
    "run_id": st.sampled_from([None, *"abcdefgh"]),
    "model_name": st.sampled_from("mn"),
    "status": st.sampled_from(["success", "failed", "skipped", "blocked"]),
}
RUNS = st.lists(st.fixed_dictionaries(RUN | COMMON), unique_by=lambda row: row["id"])
EXECUTIONS = st.lists(st.fixed_dictionaries(EXECUTION | COMMON))
ANSWERS = (
    """create table stg_dagctl__runs (id text, project_id text, job_name text,
        start_time timestamp, created_at timestamp, duration_seconds double)""",
    """create table stg_dagctl__model_executions (run_id text, project_id text, model_name text,
        status text, start_time timestamp, created_at timestamp, duration_seconds double)""",
    """create table sla_breaches as select 'p' as project_id, 'p' as project_name,
        date '2026-03-03' as date, 2.0 as p95_duration_seconds, 1.0 as sla_seconds,
        null as kept_again_on""",
    """create table model_regressions as select 'p' as project_id, 'p' as project_name,
        'm' as model_name, date '2026-03-02' as start_date, date '2026-03-03' as end_date,
        30.0 as change_percent, 0 as windows_ago, unnest([true, false]) as is_current""",
    """create table held_back_models as select 'p' as project_id, 'p' as project_name,
        'm' as model_name, 3 as skipped_executions, 0 as blocked_executions,
        3 as held_back_in_a_row""",
)


def moment(row: dict[str, Any]) -> datetime:
    started: datetime = row["start_time"] or row["created_at"]
    return started


def seconds(row: dict[str, Any]) -> float:
    return -1 if row["duration_seconds"] is None else row["duration_seconds"]


def first(rows: list[dict[str, Any]], *measures: Any) -> set[tuple[Any, ...]]:
    """Return the run, job and start of those with the most, by one measure after the other."""
    for measure in measures:
        rows = [row for row in rows if measure(row) == max(map(measure, rows))]
    return {(row["run_id"], row["job_name"], moment(row)) for row in rows} or {(None, None, None)}


YESTERDAY = {"project_id": "p", "start_time": None, "created_at": NOON - timedelta(days=1)}
OF_RUN = {"id": "a", "job_name": "nightly", **YESTERDAY}
OF_MODEL = {"run_id": "a", "model_name": "m", "status": "blocked", **YESTERDAY}


@settings(deadline=None, max_examples=60)
@given(runs=RUNS, executions=EXECUTIONS)
@example(
    runs=[{**OF_RUN, "duration_seconds": None}, {**OF_RUN, "id": "b", "duration_seconds": 1.0}],
    executions=[{**OF_MODEL, "duration_seconds": None}, {**OF_MODEL, "duration_seconds": 1.0}],
)
def test_each_finding_names_its_run(
    runs: list[dict[str, Any]], executions: list[dict[str, Any]]
) -> None:
    with duckdb.connect() as connection:
        for statement in ANSWERS:
            connection.execute(statement)
        for table, rows in (("runs", runs), ("model_executions", executions)):
            for row in rows:
                marks = ", ".join("?" * len(row))
                connection.execute(
                    f"insert into stg_dagctl__{table} ({', '.join(row)}) values ({marks})",  # noqa: S608 - from here
                    list(row.values()),
                )

        def named(query: str) -> tuple[Any, ...]:
            text = f"select run_id, job_name, start_time from ({query})"  # noqa: S608 - the page's
            (found,) = connection.execute(text).fetchall()
            run: tuple[Any, ...] = found
            return run

        jobs = {run["id"]: run["job_name"] or "unknown" for run in runs}
        ran = [{**run, "run_id": run["id"], "job_name": jobs[run["id"]]} for run in runs]
        of_the_day = [
            run
            for run in ran
            if run["project_id"] == "p" and moment(run).date() == TODAY - timedelta(days=1)
        ]
        assert named(queries.BREACHES) in first(
            of_the_day, seconds, lambda run: -ord(run["run_id"])
        )
        built = [
            {**row, "job_name": jobs.get(row["run_id"], "unknown")}
            for row in executions
            if (row["project_id"], row["model_name"]) == ("p", "m")
        ]
        inside = [row for row in built if moment(row).date() < TODAY]
        inside = [row for row in inside if moment(row).date() >= TODAY - timedelta(days=2)]
        assert named(queries.REGRESSIONS) in first(inside, seconds, moment)
        held_back = [row for row in built if row["status"] in {"skipped", "blocked"}]
        assert named(queries.HELD_BACK) in first(held_back, moment)
