"""dagctl in Airflow: two DAGs at the paces of dagctl's guide, each spread over the workers.

docs/airflow.md says which connections and variables they need.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from airflow.sdk import DAG, Param
from dagctl_programs import Notify, Program

SHARDS = "exec python -m orchestrate.shards {{ params.shards }}"
TABLES = "exec python -m orchestrate.sync {{ params.target }} --prepare"
SYNC = """
exec python -m orchestrate.sync {{ params.target }} --state-id {{ dag.dag_id }} \
    --streams {{ params.streams | join(',') }}
"""
# Two at once need two folders.
DBT = """
folder=$(mktemp -d) && trap 'rm -r "$folder"' EXIT
dbt %s --target postgres --project-dir transform --profiles-dir transform \
    --target-path "$folder" --log-path "$folder"
"""
REPORT = "exec python -m report --warehouse postgres --output '{{ var.value.dagctl_report }}'"
NOTIFY = "exec python -m report notify --warehouse postgres"


def pipeline(name: str, schedule: str | None, streams: list[str], dbt: str = "") -> DAG:
    """Return a DAG that loads `streams`, and then runs a command of dbt and tells what is new."""
    with DAG(
        name,
        schedule=schedule,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        catchup=False,
        max_active_runs=1,
        default_args={"retries": 3},
        params={
            "shards": Param(4, type="integer", minimum=1),
            "target": Param("target-postgres", type="string", pattern=r"^[\w./-]+$"),
            "streams": Param(streams, type="array", items={"type": "string", "pattern": r"^\w+$"}),
        },
    ) as dag:
        shards = Program(
            task_id="shards", bash_command=SHARDS, output_processor=json.loads, do_xcom_push=True
        )
        sync = Program.partial(task_id="sync", bash_command=SYNC).expand(
            env=shards.output.map(only_projects)
        )
        Program(task_id="tables", bash_command=TABLES) >> sync
        if dbt:
            answers = Program(task_id="dbt", bash_command=DBT % dbt)
            sync >> answers >> Notify(task_id="notify", bash_command=NOTIFY)
        if dbt == BUILD:
            # The page needs all the answers.
            answers >> Program(task_id="report", bash_command=REPORT)
    return dag


def only_projects(project_ids: Any) -> dict[str, str]:
    """Return what limits a sync to one shard."""
    return {"TAP_DAGCTL_PROJECT_IDS": project_ids}


RUNS = ["projects", "runs", "model_executions", "syncs"]
STATISTICS = ["projects", "daily_stats", "model_stats", "jobs", "plans", "syncs"]
NOW, BUILD = "run --select +broken_jobs +overdue_runs +project_freshness", "build"
runs = pipeline("dagctl_runs", "*/10 * * * *", RUNS, NOW)
statistics = pipeline("dagctl_statistics", "5 5 * * *", STATISTICS, BUILD)
