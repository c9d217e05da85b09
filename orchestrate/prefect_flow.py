"""Prefect: a sync for each shard, several at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from prefect import flow, task

PYTHON = os.environ.get("SYNC_PYTHON", sys.executable)  # of an environment that has the tap
SHARDS = 4


def run(module: str, *options: str, **variables: str) -> str:
    """Run a program of orchestrate/, and return what it prints."""
    command = [PYTHON, "-m", f"orchestrate.{module}", *options]
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


@task(retries=2, retry_delay_seconds=60)
def sync(projects: str) -> None:
    """Sync the projects of one shard."""
    run("sync", "target-postgres", TAP_DAGCTL_PROJECT_IDS=projects)


@flow
def dagctl() -> None:
    """Let the target create its tables, and sync every shard."""
    run("sync", "target-postgres", "--prepare")
    sync.map(json.loads(run("shards", str(SHARDS)))).result()


if __name__ == "__main__":
    dagctl()
