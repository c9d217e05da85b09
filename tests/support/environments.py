"""Environments beside the project's own, under `.tools/`, from a lock file."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

UV = ROOT / ".tools" / "uv" / "bin" / "uv"


@dataclass(frozen=True)
class Environments:
    """An environment for each dependency group of a project that is only that.

    Attributes:
        project: the folder of its pyproject.toml and uv.lock.
        name: of the folder in `.tools/`.
    """

    project: Path
    name: str

    def install(self, group: str) -> None:
        """Make the environment of a dependency group what the lock says."""
        subprocess.run(
            [UV, "sync", "--quiet", "--frozen", "--only-group", group, "--python", sys.executable],
            cwd=self.project,
            check=True,
            env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(self._environment(group))},
        )

    def program(self, group: str, executable: str) -> str:
        """Return the path of a program in an environment."""
        return str(self._environment(group) / "bin" / executable)

    def _environment(self, group: str) -> Path:
        return ROOT / ".tools" / self.name / group
