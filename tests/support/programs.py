"""Runs a program to its end."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.project import ROOT

Done = subprocess.CompletedProcess[str]


def ended(
    *command: object,
    code: int | None = 0,
    cwd: Path = ROOT,
    env: dict[str, str] | None = None,
    stdin: str | None = None,
) -> Done:
    """Return what a program wrote that ends with `code`, or with any."""
    done = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env=env,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert code in {None, done.returncode}, done.stdout + done.stderr
    return done
