"""Runs the job for Dagster and the flow for Prefect, each by its own program, on the stand-in.

The runs of one project are refused: the others are loaded and told, and each ends with a failure.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.partly_refused import partly_refused
from tests.support.programs import ended, program
from tests.support.project import ROOT
from tests.support.warehouses import Warehouse

PROGRAMS = ":".join(
    str(ROOT / ".meltano" / plugin / "venv" / "bin")
    for plugin in ("loaders/target-postgres", "utilities/dbt")
)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("dagster", "dagster job execute -f packages/orchestrate/dagster_job.py -j dagctl"),
        ("prefect", "python packages/orchestrate/prefect_flow.py"),
    ],
)
def test_what_can_be_read_is_loaded_and_told(
    postgres: Warehouse, tmp_path: Path, name: str, command: str
) -> None:
    with partly_refused(postgres) as account:
        account.refuse()
        variables = {
            **os.environ,
            **account.variables,
            "SYNC_PYTHON": sys.executable,
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "DAGSTER_HOME": str(tmp_path),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "PREFECT_HOME": str(tmp_path),
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        }
        executable, *options = command.split()
        done = ended(program(name, executable), *options, code=1, env=variables)
        said = done.stdout + done.stderr
        assert "A part of the sync failed: see the log of sync" in said, said
        account.check(said)
        states = postgres.query("select count(*) as n from singer_states")
        assert states == [{"n": len(account.api.world.projects) + 1}]
