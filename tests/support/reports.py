"""Runs `python -m report` as a user does: the page, the messages, and how everything stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from report.__main__ import main
from tests.support import troubleshooting
from tests.support.programs import Done, ended
from tests.support.project import ROOT
from tests.support.syncs import run_here
from tests.support.warehouses import Warehouse

_USAGE = 2
"""The exit code of argparse, whose messages are none of ours."""


def page_of(warehouse: Warehouse, output: Path, *arguments: str, **environment: str) -> str:
    """Write the page, and return it."""
    run(warehouse, "--output", str(output), *arguments, code=0, **environment)
    return output.read_text()


def notify(warehouse: Warehouse, *arguments: str, code: int = 0, **environment: str) -> Done:
    """Tell what is new."""
    return run(warehouse, "notify", *arguments, code=code, **environment)


def run(warehouse: Warehouse, *arguments: str, code: int = 0, **environment: str) -> Done:
    """Run it in this process, which saves a second; it must end with `code`."""
    line = ["report", *line_of(warehouse, *arguments)]
    environment = {**warehouse.environment, **environment}
    done = subprocess.CompletedProcess(line, *run_here(main, line, ROOT, environment))
    assert done.returncode == code, done.stderr
    return _checked(done)


def run_program(warehouse: Warehouse, *arguments: str, code: int, **environment: str) -> Done:
    """Run it in a process of its own, so that nothing it writes is missed."""
    line = [sys.executable, "-m", "report", *line_of(warehouse, *arguments)]
    return _checked(ended(*line, code=code, env={**warehouse.environment, **environment}))


def line_of(warehouse: Warehouse, *arguments: str) -> list[str]:
    """Return the arguments of the program, with the warehouse among them."""
    options = ["--warehouse", warehouse.kind]
    at = int(arguments[0] in {"info", "notify"})
    return [*arguments[:at], *options, *arguments[at:]]


def _checked(done: Done) -> Done:
    if done.returncode != _USAGE:
        troubleshooting.check(done.stderr.splitlines())
    return done
