"""Prefect: a sync for each shard, several at a time; then the answers, and what is new in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from prefect import flow, task

PYTHON = os.environ.get("SYNC_PYTHON", sys.executable)  # of an environment that has the tap
DBT = (
    "dbt build --target postgres --project-dir packages/transform --profiles-dir packages/transform"
)
SHARDS = 4


def run(*command: str) -> str:
    """Run a program, and return what it prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def exit_code_of_sync(projects: str) -> int:
    """Sync the projects of one shard: 0 if all was loaded, 1 if a part of it failed."""
    command = [PYTHON, "-m", "orchestrate.sync", "target-postgres"]
    environment = {**os.environ, "TAP_DAGCTL_PROJECT_IDS": projects}
    return subprocess.run(command, env=environment, check=False).returncode


@task(retries=2, retry_delay_seconds=60)
def sync(projects: str) -> int:
    """Sync one shard; what loads nothing is tried again, twice."""
    code = exit_code_of_sync(projects)
    if code > 1:
        raise RuntimeError(f"The sync ended with {code}")
    return code


@task
def answers() -> None:
    """Let dbt build the answers, and tell what is new in them."""
    run(*DBT.split())
    run(PYTHON, "-m", "report", "notify", "--warehouse", "postgres")


@flow
def dagctl() -> None:
    """Sync every shard, build the answers of what was loaded, and fail if a part is missing."""
    run(PYTHON, "-m", "orchestrate.sync", "target-postgres", "--prepare")
    shards = json.loads(run(PYTHON, "-m", "orchestrate.shards", str(SHARDS)))
    # A shard that failed in every try has an exception for a code.
    codes = [shard.result(raise_on_failure=False) for shard in sync.map(shards)]
    if any(code in {0, 1} for code in codes):
        answers()
    if any(codes):
        raise RuntimeError("A part of the sync failed: see the log of sync")


if __name__ == "__main__":
    dagctl()
