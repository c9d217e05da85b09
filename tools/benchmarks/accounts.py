"""Accounts of many projects: this tap beside what a user would pick instead.

The first sync of each program starts from nothing. Its idle sync starts from the state of the
first, and there is nothing new.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.measure import DLT, HERE, PYTHON, ROOT, TAP, Measured, json_file, measure, serving

TITLE = "## Accounts of many projects"
SIZES = (10, 60, 200, 1_000)
DELAYS = (0, 50)
COLUMNS = (
    "projects",
    "sync",
    "program",
    "seconds",
    "times tap-dagctl",
    "requests",
    "MB out",
    "of it STATE",
    "STATEs",
    "last STATE, kB",
    "peak MB",
)
FIRST, IDLE = "first", "idle"
LONGEST_WAIT = 70
"""Seconds. A program that would have to wait longer for the server is left out."""

INTRODUCTION = f"""\
Each project has 5 runs, 10 executions, 3 jobs and a plan, and statistics of 30 days and 50 models.
The first sync reads them all; the idle sync starts from the state of the first, and finds nothing
new. Both ask the server for the same lists. Each program ran once, in turns with the others.
Every first sync wrote the same rows: as many distinct keys in each stream as tap-dagctl.

- tap-dagctl and the idiomatic SDK tap write Singer messages, and all else counts as MB out, too.
- The plain script and dlt keep their state in a file of their own; its size stands under STATE. The
  rows of dlt are counted as they are before it packs them.
- The idiomatic SDK tap, the plain script and dlt send one request after another. dlt can send five
  at a time (`parallelized`).
- In an idle sync tap-dagctl sends the projects and jobs, and of the rest only what has changed. The
  others also send the plans and the model statistics of the last week, changed or not, and all but
  dlt the last days. dlt drops days up to its cursor, of which it has one for all projects, even if
  they have changed.
- Left out is what would wait for the server for more than {LONGEST_WAIT} s. So at 50 ms an answer
  there are no 1,000 projects: an idle sync takes 6,001 requests, which is 5 minutes one after
  another, and 75 s with 4 connections."""


@dataclass(frozen=True)
class Program:
    """A program that syncs an account.

    Attributes:
        name: what the table calls it.
        line: makes its command line from the URL and the folder that holds its state.
        connections: how many requests it has under way at the same time.
    """

    name: str
    line: Callable[[str, Path], list[str]]
    connections: int = 1


@dataclass(frozen=True)
class Synced:
    """One sync of one program."""

    measured: Measured
    requests: int
    rows: dict[str, int]
    bytes: int
    states: list[int]


def _singer(program: list[str], url: str, folder: Path, **config: object) -> list[str]:
    line = [*program, "--config", json_file(folder / "config.json", {"api_url": url, **config})]
    state = folder / "state.json"
    return [*line, "--state", str(state)] if state.exists() else line


def _this(connections: int) -> Callable[[str, Path], list[str]]:
    account = {"api_token": "made-up", "organization_id": "benchmark"}
    return lambda url, folder: _singer([TAP], url, folder, max_connections=connections, **account)


def _idiomatic(url: str, folder: Path) -> list[str]:
    return _singer([PYTHON, str(HERE / "idiomatic_account.py")], url, folder)


def _plain(url: str, folder: Path) -> list[str]:
    return [PYTHON, str(HERE / "plain_account.py"), url, str(folder / "state.json")]


def _dlt(*words: str) -> Callable[[str, Path], list[str]]:
    return lambda url, folder: [DLT, str(HERE / "dlt_account.py"), url, str(folder), *words]


THIS = Program("tap-dagctl", _this(4), connections=4)
PROGRAMS = (
    THIS,
    Program("tap-dagctl, 16 connections", _this(16), connections=16),
    Program("plain script", _plain),
    Program("idiomatic SDK tap", _idiomatic),
    Program("dlt, extract step alone", _dlt()),
    Program("dlt, parallelized", _dlt("parallelized"), connections=5),
)


def tables() -> Iterator[list[str]]:
    """Measure, and yield the tables, each time longer: one that is stopped has some to show."""
    lines: dict[int, list[str]] = {delay: [] for delay in DELAYS}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            counted: dict[tuple[str, str], int] = {}
            for delay in DELAYS:
                with serving("account_server", size, delay) as url:
                    for sync in (FIRST, IDLE):
                        found = _in_turns(Path(folder), url, delay, sync, counted)
                        lines[delay] += _lines(size, sync, found)
                        yield _tables(lines)


def _tables(lines: dict[int, list[str]]) -> list[str]:
    made = [TITLE, "", *INTRODUCTION.splitlines(), ""]
    for delay in DELAYS:
        made += [
            f"### {delay} ms an answer",
            "",
            "| " + " | ".join(COLUMNS) + " |",
            "|" + "---|" * len(COLUMNS),
            *lines[delay],
            "",
        ]
    return made


def _in_turns(
    folder: Path, url: str, delay: int, sync: str, counted: dict[tuple[str, str], int]
) -> dict[str, Synced]:
    """Run each program once; `counted` keeps how many requests it took without a delay."""
    found: dict[str, Synced] = {}
    for program in PROGRAMS:
        wait = counted.get((program.name, sync), 0) * delay / 1_000 / program.connections
        if wait > LONGEST_WAIT:
            if program is THIS:
                break
            continue
        synced = _sync(program, folder, url, sync, keep=(sync == FIRST and not delay))
        counted.setdefault((program.name, sync), synced.requests)
        found[program.name] = synced
        print(
            f"  {delay} ms, {sync}, {program.name}: {synced.measured.seconds:.2f} s, "
            f"{synced.requests} requests, {synced.rows}",
            file=sys.stderr,
            flush=True,
        )
        _check(program, sync, synced.rows, found[THIS.name].rows)
    return found


def _sync(program: Program, folder: Path, url: str, sync: str, *, keep: bool) -> Synced:
    work, kept = folder / "work", folder / program.name
    shutil.rmtree(work, ignore_errors=True)
    if sync == IDLE:
        shutil.copytree(kept, work)
    else:
        work.mkdir()
    before = _requests(url)
    measured = measure(program.line(url, work), folder)
    after = _requests(url)
    # In a process of its own: a program started from a large one would be said to be as large.
    count = [PYTHON, "-m", "benchmarks.written", str(folder / "output"), str(work)]
    done = subprocess.run(count, cwd=ROOT, capture_output=True, check=True)
    if keep:
        # What dlt has extracted would have been loaded by then.
        shutil.copytree(work, kept, ignore=shutil.ignore_patterns("normalize", "load"))
    return Synced(measured, after - before, **json.loads(done.stdout))


def _requests(url: str) -> int:
    return int(requests.get(f"{url}/requests", timeout=60).json()["requests"])


def _check(program: Program, sync: str, rows: dict[str, int], ours: dict[str, int]) -> None:
    # In an idle sync a program may send what has not changed.
    is_right = rows == ours if sync == FIRST else all(rows.get(k, 0) >= n for k, n in ours.items())
    if not is_right:
        sys.exit(f"benchmark: {program.name} wrote {rows}, and tap-dagctl {ours}")


def _lines(size: int, sync: str, found: dict[str, Synced]) -> list[str]:
    return [
        f"| {size:,} | {sync} | {name} | {of.measured.seconds:.2f} "
        f"| {of.measured.seconds / found[THIS.name].measured.seconds:.2f} "
        f"| {of.requests:,} | {of.bytes / 1e6:.2f} "
        f"| {sum(of.states) / 1e6:.2f} | {len(of.states):,} | {of.states[-1] / 1e3:,.0f} "
        f"| {of.measured.megabytes:.0f} |"
        for name, of in found.items()
    ]
