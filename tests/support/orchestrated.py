"""Runs orchestrate/sync.py as an orchestrator would: as a program, with its settings around it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api


@dataclass
class Place:
    """Where syncs run: an API, a state backend, a warehouse.

    Attributes:
        target: the target's command.
        variables: what is in the environment of every program.
    """

    target: str
    variables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, api: Api, uri: str, warehouse: Path) -> Place:
        """Return one with a DuckDB file as warehouse."""
        variables = {
            "TAP_DAGCTL_API_TOKEN": api.world.token,
            "TAP_DAGCTL_ORGANIZATION_ID": api.world.organization_id,
            "TAP_DAGCTL_API_URL": api.url,
            "TARGET_DUCKDB_FILEPATH": str(warehouse),
            "TARGET_DUCKDB_DEFAULT_TARGET_SCHEMA": "dagctl",
            "STATE_BACKEND_URI": uri,
        }
        return cls("target-duckdb", variables)

    def start(self, *options: str, **variables: str) -> subprocess.Popen[str]:
        """Start a sync; what it says is read from its `stderr`."""
        return subprocess.Popen(
            [sys.executable, "-m", "orchestrate.sync", self.target, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.variables, **variables},
            cwd=ROOT,
            start_new_session=True,
        )

    def run(self, *options: str, **variables: str) -> Done:
        """Run a sync to its end."""
        process = self.start(*options, **variables)
        return Done.of(process)

    def program(self, module: str, *options: str, stdin: str = "", **variables: str) -> Done:
        """Run another program of orchestrate/."""
        process = subprocess.Popen(
            [sys.executable, "-m", f"orchestrate.{module}", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.variables, **variables},
            cwd=ROOT,
        )
        return Done.of(process, stdin)


@dataclass
class Done:
    """What a program said until it ended."""

    exit_code: int
    stdout: str
    stderr: str

    @classmethod
    def of(cls, process: subprocess.Popen[str], stdin: str | None = None) -> Done:
        stdout, stderr = process.communicate(stdin, timeout=300)
        assert "made_up" not in stdout + stderr
        return cls(process.returncode, stdout, stderr)

    @property
    def own_lines(self) -> list[str]:
        """What orchestrate/ itself said, without its name."""
        lines = self.stderr.splitlines()
        return [line.partition(": ")[2] for line in lines if line.startswith("orchestrate.")]

    @property
    def error(self) -> str:
        """The one line a failed program ends with."""
        assert self.exit_code == 1, self.stderr
        assert "Traceback" not in self.stderr
        (line,) = self.own_lines
        return line
