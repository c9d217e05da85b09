"""Runs `python -m report` as a user does: the page, the messages, and how everything stands."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING
from unittest.mock import patch

from report.__main__ import main
from tests.support import troubleshooting
from tests.support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.warehouses import Warehouse

Done = subprocess.CompletedProcess[str]
_USAGE = 2
"""The exit code of argparse, whose messages are none of ours."""


def report(warehouse: Warehouse, output: Path, *arguments: str, **environment: str) -> Done:
    """Write the page."""
    return _run(warehouse, ["--output", str(output), *arguments], environment)


def info(warehouse: Warehouse, *arguments: str, **environment: str) -> Done:
    """Print how everything stands."""
    return _run(warehouse, ["info", *arguments], environment)


def notify(warehouse: Warehouse, *arguments: str, **environment: str) -> Done:
    """Tell what is new."""
    return _run(warehouse, ["notify", *arguments], environment)


def notify_by_program(warehouse: Warehouse, *arguments: str, **environment: str) -> Done:
    """Do the same in a process of its own, so that nothing it writes is missed."""
    return _checked(
        subprocess.run(
            [sys.executable, "-m", "report", *_on(warehouse, ["notify", *arguments])],
            cwd=ROOT,
            env={**warehouse.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    )


def _on(warehouse: Warehouse, line: list[str]) -> list[str]:
    kind = warehouse.loader.removeprefix("target-")
    command = line[:1] if line[0] in {"info", "notify"} else []
    return [*command, "--warehouse", kind, *line[len(command) :]]


def _run(warehouse: Warehouse, arguments: list[str], environment: dict[str, str]) -> Done:
    """Run it in this process, which saves the second in which it starts."""
    line = _on(warehouse, arguments)
    code: object = 0
    with (
        patch.dict(os.environ, {**warehouse.environment, **environment}, clear=True),
        patch.object(sys, "argv", ["report", *line]),
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as err,
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
            if isinstance(code, str):
                sys.stderr.write(f"{code}\n")
                code = 1
    assert isinstance(code, int)
    return _checked(subprocess.CompletedProcess(line, code, out.getvalue(), err.getvalue()))


def _checked(done: Done) -> Done:
    if done.returncode != _USAGE:
        troubleshooting.check(done.stderr.splitlines())
    return done
