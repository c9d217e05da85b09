"""Runs a program to its end, and installs those that have an environment beside the project's own.

There is one for each dependency group of `tests/environments/`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.project import ROOT

Done = subprocess.CompletedProcess[str]
UV = ROOT / ".tools" / "uv" / "bin" / "uv"
GROUPS = ROOT / "tests" / "environments" / "pyproject.toml"


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


def install(group: str) -> None:
    """Make the environment of a dependency group what the lock says."""
    ended("make", "--quiet", f".tools/{group}/ready", f"PYTHON={sys.executable}")


def program(group: str, executable: str) -> str:
    """Return the path of a program in an environment."""
    return str(ROOT / ".tools" / group / "bin" / executable)
