"""One run of a program beside a server, each on a core of its own: seconds and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from resource import struct_rusage
from typing import IO

from tests.support.memory import peak_so_far

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PYTHON = sys.executable
# In an environment of its own, as it would be.
DLT = str(ROOT / ".tools" / "dlt" / "bin" / "python")
TAP = str(Path(PYTHON).with_name("tap-dagctl"))
_SECONDS_BETWEEN_LOOKS = 0.01


@dataclass(frozen=True)
class Measured:
    """One run of one program, or of several that are piped into each other.

    Attributes:
        seconds: from its start to its end.
        megabytes: what it took at most; of several, the sum.
        cpu: seconds of CPU.
    """

    seconds: float
    megabytes: float
    cpu: float


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
    """Run a program once, on a core of its own.

    Raises:
        RuntimeError: it failed.
    """
    with (folder / "log").open("wb") as stderr:
        began = time.monotonic()
        process = subprocess.Popen(
            pinned(line, 0), stdout=stdout, stderr=stderr, env=_environment()
        )
        return _ended([process], began, folder)


def pipeline(lines: list[list[str]], folder: Path) -> Measured:
    """Run programs once, each reading what the one before it writes, on all cores.

    Raises:
        RuntimeError: one of them failed.
    """
    with (folder / "log").open("wb") as stderr:
        began = time.monotonic()
        processes: list[subprocess.Popen[bytes]] = []
        for line in lines:
            before = processes[-1].stdout if processes else None
            last = line is lines[-1]
            stdout = subprocess.DEVNULL if last else subprocess.PIPE
            processes.append(
                subprocess.Popen(
                    line, stdin=before, stdout=stdout, stderr=stderr, env=_environment()
                )
            )
            if before:
                before.close()
        return _ended(processes, began, folder)


def _environment() -> dict[str, str]:
    # As an installed program is: its modules compiled once and for all.
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def _ended(processes: list[subprocess.Popen[bytes]], began: float, folder: Path) -> Measured:
    peaks = dict.fromkeys(processes, 0)
    usages: list[struct_rusage] = []
    while len(usages) < len(processes):
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        for process in processes:
            if process.returncode is not None:
                continue
            peaks[process] = max(peaks[process], peak_so_far(process.pid))
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                usages.append(usage)
    seconds = time.monotonic() - began
    if any(process.returncode for process in processes):
        codes = [process.returncode for process in processes]
        raise RuntimeError(f"exit codes {codes}: {(folder / 'log').read_text()[-2_000:]}")
    return Measured(
        seconds,
        sum(peaks.values()) / 1_024,
        sum(usage.ru_utime + usage.ru_stime for usage in usages),
    )
