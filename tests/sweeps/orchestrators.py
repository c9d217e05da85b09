"""Runs the job for Dagster and the flow for Prefect, each by its own program, on the stand-in.

The runs of one project are refused: the others are loaded and told, and each ends with a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

from report.notify.settings import ADDRESSES as VARIABLE
from stand_in.server import Reply, Request, serving
from stand_in.world import EXECUTIONS, JOBS, PLANS, RUNS, World, to_text
from tests.support.orchestrated import Place
from tests.support.project import ROOT
from tests.support.receivers import SECRET, webhook
from tests.support.warehouses import postgres_in

TOOLS = ROOT / ".tools"
PROGRAMS = ":".join(
    str(ROOT / ".meltano" / plugin / "venv" / "bin")
    for plugin in ("loaders/target-postgres", "utilities/dbt")
)
REFUSED = "proj_3"
COMMANDS = {
    "dagster": [
        "dagster",
        "job",
        "execute",
        "-f",
        "packages/orchestrate/dagster_job.py",
        "-j",
        "dagctl",
    ],
    "prefect": ["python", "packages/orchestrate/prefect_flow.py"],
}


def refuse(request: Request) -> Reply | None:
    return Reply(403, b"{}") if request.path.endswith(f"/{REFUSED}/runs") else None


def main() -> None:
    world = World()
    for number in range(8):
        project = f"proj_{number}"
        world.add_project(project, f"name of {project}")
        if project != REFUSED:
            world.put(RUNS, project, {"id": f"run of {project}", "duration_seconds": 7})
        world.put(EXECUTIONS, project, {"id": f"execution of {project}", "model_name": "m"})
        world.put(JOBS, project, {"id": f"job of {project}", "status": None})
        world.put(PLANS, project, {"id": f"plan of {project}"})
    # dbt counts back from this machine's clock.
    today = to_text(datetime.now(tz=timezone.utc))
    failed = {"status": "failed", "job_name": "nightly", "end_time": today}
    world.put(RUNS, "proj_0", {"id": "failed run", **failed})
    world.advance(minutes=10)
    for name, (program, *options) in COMMANDS.items():
        with (
            tempfile.TemporaryDirectory() as text,
            serving(world) as api,
            postgres_in(Path(text) / "postgres") as warehouse,
            webhook() as hook,
        ):
            api.misbehave = refuse
            uri = warehouse.environment["TARGET_POSTGRES_SQLALCHEMY_URL"]
            variables = {
                **os.environ,
                **Place.of(api, uri, Path(text)).variables,
                **warehouse.environment,
                "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "dagctl",
                "SYNC_PYTHON": sys.executable,
                "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
                VARIABLE: hook.address,
                "DAGCTL_SLA_SECONDS": "77",
                "DAGSTER_HOME": text,
                "DAGSTER_DISABLE_TELEMETRY": "1",
                "PREFECT_HOME": text,
                "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
                "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
                "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
                "DO_NOT_TRACK": "1",
            }
            command = [str(TOOLS / name / "bin" / program), *options]
            began = time.monotonic()
            done = subprocess.run(
                command, env=variables, cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert done.returncode == 1, done.stdout + done.stderr
            said = done.stdout + done.stderr
            assert "A part of the sync failed: see the log of sync" in said, said
            for secret in (world.token, SECRET):
                assert secret not in done.stdout + done.stderr
            assert warehouse.differences(world, world.now.date()) == []
            states = warehouse.query("select count(*) as n from singer_states")
            assert states == [{"n": len(world.projects) + 1}]
            (message,) = hook.received
            assert message.sections.keys() == {"Streams that cannot be read", "Jobs broken"}
            used = warehouse.query("select sla_seconds from dagctl_answers.settings_used")
            assert used == [{"sla_seconds": 77}]
            # What the tap says is where the orchestrator's log is.
            assert "| Synced " in done.stdout + done.stderr
            print(f"{name}: the tables are right after {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
