"""How much CPU a program takes."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Sequence
from pathlib import Path


def cpu_seconds(command: Sequence[str], lines: Path) -> float:
    """Return how much a program takes that has the file as its standard input."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with lines.open() as file:
        subprocess.run(command, stdin=file, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
