"""Tells what is new as a user does."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING
from unittest.mock import patch

from report.notify import command
from tests.support import troubleshooting
from tests.support.project import ROOT

if TYPE_CHECKING:
    from tests.support.warehouses import Warehouse

Done = subprocess.CompletedProcess[str]
_USAGE = 2
"""The exit code of argparse, whose messages are none of ours."""


def notify(warehouse: Warehouse, *arguments: str, **environment: str) -> Done:
    """Run `python -m report notify` on a warehouse, and return what it said.

    It runs in this process, which saves the second in which it starts.
    """
    line = [*_line(warehouse), *arguments]
    code: object = 0
    with (
        patch.dict(os.environ, {**warehouse.environment, **environment}, clear=True),
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as err,
    ):
        try:
            command.main(line)
        except SystemExit as ended:
            code = ended.code
            if isinstance(code, str):
                sys.stderr.write(f"{code}\n")
                code = 1
    assert isinstance(code, int)
    return _checked(subprocess.CompletedProcess(line, code, out.getvalue(), err.getvalue()))


def notify_by_program(warehouse: Warehouse, *arguments: str, **environment: str) -> Done:
    """Do the same in a process of its own, so that nothing it writes is missed."""
    line = [sys.executable, "-m", "report", "notify", *_line(warehouse), *arguments]
    return _checked(
        subprocess.run(
            line,
            cwd=ROOT,
            env={**warehouse.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    )


def _line(warehouse: Warehouse) -> list[str]:
    return ["--warehouse", warehouse.loader.removeprefix("target-")]


def _checked(done: Done) -> Done:
    if done.returncode != _USAGE:
        troubleshooting.check(done.stderr.splitlines())
    return done
