"""The shell script that the pages give, with a target of the test's in it."""

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

PAGES = ("README.md", "docs/orchestrators.md")


def recipes() -> list[str]:
    """Return what stands in each of the pages."""
    return [
        recipe
        for page in PAGES
        for recipe in re.findall(r"```bash\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    ]


def command(folder: Path, target: str, before: str = "") -> list[str]:
    """Write the script into `folder`, and return how to start it.

    Args:
        folder: has the files the script names.
        target: the program in the place of the target.
        before: what the script does first.
    """
    script = recipes()[0].replace("target-…", shlex.quote(target))
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
