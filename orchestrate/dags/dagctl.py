"""dagctl in Airflow: two DAGs at the paces of dagctl's guide, each spread over the workers.

docs/orchestrators.md says which connections and variables they need.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Connection, Param, Variable
from typing_extensions import override

if TYPE_CHECKING:
    from airflow.sdk import Context

SHARDS = "exec python -m orchestrate.shards {{ params.shards }}"
TABLES = "exec python -m orchestrate.sync {{ params.target }} --prepare"
SYNC = """
exec python -m orchestrate.sync {{ params.target }} --state-id {{ dag.dag_id }} \
    --streams {{ params.streams | join(',') }}
"""
# Two at once need two folders.
DBT = """
folder=$(mktemp -d) && trap 'rm -r "$folder"' EXIT
dbt build --target postgres --project-dir transform --profiles-dir transform \
    --target-path "$folder" --log-path "$folder"
"""
REPORT = "exec python -m report --warehouse postgres --output '{{ var.value.dagctl_report }}'"


class Program(BashOperator):
    """Runs a program with settings and secrets, which Airflow neither logs nor keeps."""

    @override
    def get_env(self, context: Context) -> dict[str, str]:
        dagctl, warehouse, states = (
            Connection.get(name) for name in ("dagctl", "dagctl_warehouse", "dagctl_states")
        )
        inherited = super().get_env(context)
        return {
            **{name: value for name, value in inherited.items() if "AIRFLOW__" not in name},
            **dagctl.extra_dejson,
            **warehouse.extra_dejson,
            "TAP_DAGCTL_API_TOKEN": dagctl.password,
            "TAP_DAGCTL_ORGANIZATION_ID": dagctl.login,
            "TARGET_POSTGRES_HOST": warehouse.host,
            "TARGET_POSTGRES_PORT": str(warehouse.port or 5432),
            "TARGET_POSTGRES_USER": warehouse.login,
            "TARGET_POSTGRES_PASSWORD": warehouse.password,
            "TARGET_POSTGRES_DATABASE": warehouse.schema,
            "STATE_BACKEND_URI": states.get_uri(),
            "PATH": Variable.get("dagctl_path"),
            # Else bash reads ~/.bashrc, as its input is a socket; that may set another PATH.
            "SHLVL": "1",
        }


def pipeline(name: str, schedule: str | None, streams: list[str], *, answers: bool) -> DAG:
    """Return a DAG that loads `streams`, and then has dbt build the answers if they are wanted."""
    with DAG(
        name,
        schedule=schedule,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        catchup=False,
        max_active_runs=1,
        default_args={
            "cwd": "{{ var.value.dagctl_home }}",
            "append_env": True,
            "do_xcom_push": False,
            "skip_on_exit_code": None,
            "retries": 3,
        },
        params={
            "shards": Param(4, type="integer", minimum=1),
            "target": Param("target-postgres", type="string", pattern=r"^[\w./-]+$"),
            "streams": Param(streams, type="array", items={"type": "string", "pattern": r"^\w+$"}),
        },
    ) as dag:
        shards = Program(
            task_id="shards", bash_command=SHARDS, output_processor=json.loads, do_xcom_push=True
        )
        tables = Program(task_id="tables", bash_command=TABLES)
        sync = Program.partial(task_id="sync", bash_command=SYNC).expand(
            env=shards.output.map(only_projects)
        )
        tables >> sync
        if answers:
            dbt = Program(task_id="dbt", bash_command=DBT)
            sync >> dbt >> Program(task_id="report", bash_command=REPORT)
    return dag


def only_projects(project_ids: Any) -> dict[str, str]:
    """Return what limits a sync to one shard."""
    return {"TAP_DAGCTL_PROJECT_IDS": project_ids}


RUNS = ["projects", "runs", "model_executions"]
STATISTICS = ["projects", "daily_stats", "model_stats", "jobs", "plans"]
runs = pipeline("dagctl_runs", "*/10 * * * *", RUNS, answers=False)
statistics = pipeline("dagctl_statistics", "5 5 * * *", STATISTICS, answers=True)
