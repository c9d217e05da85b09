"""One run of a program beside a server, each on a core of its own: seconds and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PYTHON = sys.executable
# In an environment of its own, as it would be.
DLT = str(ROOT / ".tools" / "dlt" / "bin" / "python")
TAP = str(Path(PYTHON).with_name("tap-dagctl"))


@dataclass(frozen=True)
class Measured:
    """One run of one program."""

    seconds: float
    megabytes: float


@contextmanager
def serving(module: str, size: int, delay: int) -> Iterator[str]:
    """Serve with a module of this folder, each answer after so many milliseconds."""
    line = [PYTHON, "-m", f"benchmarks.{module}", str(size), str(delay)]
    with subprocess.Popen(
        pinned(line, 1), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        if server.stdin is None or server.stdout is None:
            sys.exit("benchmark: the server has no pipes")
        yield server.stdout.readline().strip()
        server.stdin.close()


def json_file(path: Path, content: object) -> str:
    """Write a file, and return its path."""
    path.write_text(json.dumps(content))
    return str(path)


def pinned(line: list[str], core: int) -> list[str]:
    """Return the command line that runs on one core only."""
    return ["taskset", "-c", str(core % (os.cpu_count() or 1)), *line]


def measure(line: list[str], folder: Path) -> Measured:
    """Run a program once, its output to a file.

    Raises:
        RuntimeError: it failed.
    """
    with (folder / "output").open("wb") as stdout:
        return run(line, folder, stdout)


def run(line: list[str], folder: Path, stdout: IO[bytes]) -> Measured:
    """Run a program once.

    Raises:
        RuntimeError: it failed.
    """
    with (folder / "log").open("wb") as stderr:
        began = time.monotonic()
        # As an installed program is: its modules compiled once and for all.
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        process = subprocess.Popen(pinned(line, 0), stdout=stdout, stderr=stderr, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        msg = f"{line[0]} failed: {(folder / 'log').read_text()[-2_000:]}"
        raise RuntimeError(msg)
    return Measured(seconds, usage.ru_maxrss / 1_024)
