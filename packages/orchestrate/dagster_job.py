"""Dagster: a sync for each shard, several at a time; then the answers, and what is new in them."""

import json
import os
import subprocess
import sys

import dagster

PYTHON = os.environ.get("SYNC_PYTHON", sys.executable)  # of an environment that has the tap
DBT = (
    "dbt build --target postgres --project-dir packages/transform --profiles-dir packages/transform"
)
SHARDS = 4
RETRIES = 2


def run(*command: str) -> str:
    """Run a program, and return what it prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def exit_code_of_sync(projects: str) -> int:
    """Sync the projects of one shard: 0 if all was loaded, 1 if a part of it failed."""
    command = [PYTHON, "-m", "orchestrate.sync", "target-postgres"]
    environment = {**os.environ, "TAP_DAGCTL_PROJECT_IDS": projects}
    return subprocess.run(command, env=environment, check=False).returncode


@dagster.op(out=dagster.DynamicOut(str))
def shards():
    """Let the target create its tables, and share out the projects."""
    run(PYTHON, "-m", "orchestrate.sync", "target-postgres", "--prepare")
    found = json.loads(run(PYTHON, "-m", "orchestrate.shards", str(SHARDS)))
    for number, projects in enumerate(found):
        yield dagster.DynamicOutput(projects, mapping_key=str(number))


@dagster.op
def sync(context: dagster.OpExecutionContext, projects: str) -> int:
    """Sync one shard; what loads nothing is tried again, twice."""
    code = exit_code_of_sync(projects)
    if code > 1 and context.retry_number < RETRIES:
        raise dagster.RetryRequested(max_retries=RETRIES, seconds_to_wait=60)
    return code


@dagster.op
def answers(codes: list[int]) -> None:
    """Build the answers of what was loaded, tell what is new, and fail if a part is missing."""
    if any(code <= 1 for code in codes):
        run(*DBT.split())
        run(PYTHON, "-m", "report", "notify", "--warehouse", "postgres")
    if any(codes):
        raise dagster.Failure("A part of the sync failed: see the log of sync")


@dagster.job
def dagctl() -> None:
    """Load what dagctl records, and answer."""
    answers(shards().map(sync).collect())
