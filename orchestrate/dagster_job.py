"""Dagster: a sync for each shard, several at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import dagster

PYTHON = os.environ.get("SYNC_PYTHON", sys.executable)  # of an environment that has the tap
SHARDS = 4


def run(module: str, *options: str, **variables: str) -> str:
    """Run a program of orchestrate/, and return what it prints."""
    command = [PYTHON, "-m", f"orchestrate.{module}", *options]
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


@dagster.op(out=dagster.DynamicOut(str))
def shards():
    """Let the target create its tables, and share out the projects."""
    run("sync", "target-postgres", "--prepare")
    for number, projects in enumerate(json.loads(run("shards", str(SHARDS)))):
        yield dagster.DynamicOutput(projects, mapping_key=str(number))


@dagster.op(retry_policy=dagster.RetryPolicy(max_retries=2, delay=60))
def sync(projects: str) -> None:
    """Sync the projects of one shard."""
    run("sync", "target-postgres", TAP_DAGCTL_PROJECT_IDS=projects)


@dagster.job
def dagctl() -> None:
    """Load what dagctl records."""
    shards().map(sync)
