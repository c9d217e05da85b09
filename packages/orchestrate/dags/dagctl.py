"""dagctl in Airflow: two DAGs at the paces of dagctl's guide, each spread over the workers.

docs/airflow.md says which connections and variables they need.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from airflow.sdk import DAG, Param, TriggerRule
from dagctl_programs import Notify, Program

SHARDS = "exec python -m orchestrate.shards {{ params.shards }}"
TABLES = "exec python -m orchestrate.sync {{ params.target }} --prepare"
# If a part failed (1), the rest is loaded: the task succeeds and says so, and the last task fails.
SYNC = """
trap : TERM # it waits for the end of the sync, which gets the signal, too
python -m orchestrate.sync {{ params.target }} --state-id {{ dag.dag_id }} \
    --streams {{ params.streams | join(',') }}
code=$? && echo $code && test $code -le 1 || exit $code
"""
COMPLETE = """
{% if '1' in ti.xcom_pull(task_ids='sync') %}
echo 'A part of the sync failed: see the logs of the task sync' && exit 1
{% endif %}
"""
# Two at once need two folders.
DBT = """
folder=$(mktemp -d) && trap 'rm -r "$folder"' EXIT
dbt %s --target postgres --project-dir packages/transform --profiles-dir packages/transform \
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
        sync = Program.partial(task_id="sync", bash_command=SYNC, do_xcom_push=True).expand(
            env=shards.output.map(only_projects)
        )
        complete = Program(task_id="complete", bash_command=COMPLETE, retries=0)
        Program(task_id="tables", bash_command=TABLES) >> sync >> complete
        if dbt:
            # Of what was loaded: a shard may have failed, and not all of them.
            rule = TriggerRule.ALL_DONE_MIN_ONE_SUCCESS
            answers = Program(task_id="dbt", bash_command=DBT % dbt, trigger_rule=rule)
            sync >> answers >> Notify(task_id="notify", bash_command=NOTIFY) >> complete
        if dbt == BUILD:
            # The page needs all the answers.
            answers >> Program(task_id="report", bash_command=REPORT) >> complete
    return dag


def only_projects(project_ids: Any) -> dict[str, str]:
    """Return what limits a sync to one shard."""
    return {"TAP_DAGCTL_PROJECT_IDS": project_ids}


RUNS = ["projects", "runs", "model_executions", "syncs"]
STATISTICS = ["projects", "daily_stats", "model_stats", "jobs", "plans", "syncs"]
NOW, BUILD = "run --select +broken_jobs +overdue_runs +project_freshness", "build"
runs = pipeline("dagctl_runs", "*/10 * * * *", RUNS, NOW)
statistics = pipeline("dagctl_statistics", "5 5 * * *", STATISTICS, BUILD)
