"""Runs the job for Dagster and the flow for Prefect, each by its own program, on the stand-in.

The runs of one project are refused: the others are loaded and told, and each ends with a failure.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from tests.support.environments import program
from tests.support.partly_refused import partly_refused
from tests.support.programs import ended
from tests.support.project import ROOT
from tests.support.warehouses import postgres_in

PROGRAMS = ":".join(
    str(ROOT / ".meltano" / plugin / "venv" / "bin")
    for plugin in ("loaders/target-postgres", "utilities/dbt")
)
COMMANDS = {
    "dagster": "dagster job execute -f packages/orchestrate/dagster_job.py -j dagctl",
    "prefect": "python packages/orchestrate/prefect_flow.py",
}


def main() -> None:
    for name, command in COMMANDS.items():
        with (
            tempfile.TemporaryDirectory() as text,
            postgres_in(Path(text) / "postgres") as warehouse,
            partly_refused(warehouse) as account,
        ):
            account.refuse()
            variables = {
                **os.environ,
                **account.variables,
                "SYNC_PYTHON": sys.executable,
                "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
                "DAGSTER_HOME": text,
                "DAGSTER_DISABLE_TELEMETRY": "1",
                "PREFECT_HOME": text,
                "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
                "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
                "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
                "DO_NOT_TRACK": "1",
            }
            executable, *options = command.split()
            began = time.monotonic()
            done = ended(program(name, executable), *options, code=1, env=variables)
            said = done.stdout + done.stderr
            assert "A part of the sync failed: see the log of sync" in said, said
            account.check(said)
            states = warehouse.query("select count(*) as n from singer_states")
            assert states == [{"n": len(account.api.world.projects) + 1}]
            print(f"{name}: the tables are right after {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
