"""Environments beside the project's own: one for each dependency group of `tests/environments/`."""

from __future__ import annotations

import subprocess
import sys

from tests.support.project import ROOT

UV = ROOT / ".tools" / "uv" / "bin" / "uv"
GROUPS = ROOT / "tests" / "environments" / "pyproject.toml"


def install(group: str) -> None:
    """Make the environment of a dependency group what the lock says."""
    line = ["make", "--quiet", f".tools/{group}/ready", f"PYTHON={sys.executable}"]
    subprocess.run(line, cwd=ROOT, check=True)


def program(group: str, executable: str) -> str:
    """Return the path of a program in an environment."""
    return str(ROOT / ".tools" / group / "bin" / executable)
