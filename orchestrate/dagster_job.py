"""Dagster: a sync for each shard, several at a time; then the answers, and what is new in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import dagster

PYTHON = os.environ.get("SYNC_PYTHON", sys.executable)  # of an environment that has the tap
DBT = "dbt build --target postgres --project-dir transform --profiles-dir transform"
SHARDS = 4


def run(*command: str, **variables: str) -> str:
    """Run a program, and return what it prints."""
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


@dagster.op(out=dagster.DynamicOut(str))
def shards():
    """Let the target create its tables, and share out the projects."""
    run(PYTHON, "-m", "orchestrate.sync", "target-postgres", "--prepare")
    found = json.loads(run(PYTHON, "-m", "orchestrate.shards", str(SHARDS)))
    for number, projects in enumerate(found):
        yield dagster.DynamicOutput(projects, mapping_key=str(number))


@dagster.op(retry_policy=dagster.RetryPolicy(max_retries=2, delay=60))
def sync(projects: str) -> None:
    """Sync the projects of one shard."""
    run(PYTHON, "-m", "orchestrate.sync", "target-postgres", TAP_DAGCTL_PROJECT_IDS=projects)


@dagster.op(ins={"synced": dagster.In(dagster.Nothing)})
def answers() -> None:
    """Let dbt build the answers, and tell what is new in them."""
    run(*DBT.split())
    run(PYTHON, "-m", "report", "notify", "--warehouse", "postgres")


@dagster.job
def dagctl() -> None:
    """Load what dagctl records, and answer."""
    answers(shards().map(sync).collect())
