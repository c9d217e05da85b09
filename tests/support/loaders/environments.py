"""An environment for each loader, under `.tools/loaders/`, from the lock beside this file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.project import ROOT

UV = ROOT / ".tools" / "uv" / "bin" / "uv"
HERE = Path(__file__).parent


def install(name: str) -> None:
    """Make the environment of a dependency group what the lock says."""
    subprocess.run(
        [UV, "sync", "--quiet", "--frozen", "--only-group", name, "--python", sys.executable],
        cwd=HERE,
        check=True,
        env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(_environment(name))},
    )


def program(name: str, executable: str) -> str:
    """Return the path of a program in an environment."""
    return str(_environment(name) / "bin" / executable)


def _environment(name: str) -> Path:
    return ROOT / ".tools" / "loaders" / name
