"""The shell script that docs/orchestrators.md has, with a target of the test's in it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

from tests.support.project import ROOT
from tests.support.syncs import TAP

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "orchestrators.md"


def command(folder: Path, target: str, before: str = "") -> list[str]:
    """Write the script into `folder`, and return how to start it.

    Args:
        folder: has the files the script names.
        target: the program in the place of the target.
        before: what the script does first.
    """
    (recipe,) = re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)
    script = recipe.replace("target-…", shlex.quote(target))
    (folder / "sync.sh").write_text(before + script)
    return ["bash", "sync.sh"]


def run(folder: Path, target: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run the script until it ends."""
    return subprocess.run(
        command(folder, target, before),
        cwd=folder,
        env={**os.environ, "PATH": f"{folder}:{TAP.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
