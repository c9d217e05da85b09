"""Prefect: a sync for each shard, several at a time; then the answers, and what is new in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from prefect import flow, task

PYTHON = os.environ.get("SYNC_PYTHON", sys.executable)  # of an environment that has the tap
DBT = "dbt build --target postgres --project-dir transform --profiles-dir transform"
SHARDS = 4


def run(*command: str, **variables: str) -> str:
    """Run a program, and return what it prints."""
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


@task(retries=2, retry_delay_seconds=60)
def sync(projects: str) -> None:
    """Sync the projects of one shard."""
    run(PYTHON, "-m", "orchestrate.sync", "target-postgres", TAP_DAGCTL_PROJECT_IDS=projects)


@task
def answers() -> None:
    """Let dbt build the answers, and tell what is new in them."""
    run(*DBT.split())
    run(PYTHON, "-m", "report", "notify", "--warehouse", "postgres")


@flow
def dagctl() -> None:
    """Let the target create its tables, sync every shard, and answer."""
    run(PYTHON, "-m", "orchestrate.sync", "target-postgres", "--prepare")
    sync.map(json.loads(run(PYTHON, "-m", "orchestrate.shards", str(SHARDS)))).result()
    answers()


if __name__ == "__main__":
    dagctl()
