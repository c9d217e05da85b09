"""A list of one project: this tap beside what a user would pick instead.

Each program is pinned to one core and the server to another. They take turns, so that whatever
else the machine does meets all of them; the median counts.
"""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import DLT, HERE, PYTHON, TAP, Measured, json_file, measure, run, serving

TITLE = "## A list of one project"
THIS, IDIOMATIC, BARE = "tap-dagctl", "idiomatic SDK tap", "fetch, decode, encode (msgspec)"
PLAIN = "plain script"
# What writes a line for each row; dlt writes files of its own.
WRITERS = {THIS, IDIOMATIC, BARE, PLAIN}


def programs(url: str, folder: Path) -> dict[str, list[str]]:
    """Return the command line of each program."""
    return {
        "fetch and throw away (requests)": [PYTHON, str(HERE / "bare.py"), url, "throw"],
        BARE: [PYTHON, str(HERE / "bare.py"), url],
        THIS: tap(url, folder),
        PLAIN: [PYTHON, str(HERE / "plain_script.py"), url],
        "dlt, extract step alone": [DLT, str(HERE / "dlt_source.py"), url, str(folder / "dlt")],
        IDIOMATIC: idiomatic(url, folder),
    }


def idiomatic(url: str, folder: Path) -> list[str]:
    """Return the command line of the tap that is written as the SDK's pages have it."""
    config = json_file(folder / "idiomatic.json", {"api_url": url})
    return [PYTHON, str(HERE / "idiomatic_tap.py"), "--config", config]


def tap(url: str, folder: Path, connections: int = 4) -> list[str]:
    """Return the command line of this tap, with nothing but the model executions selected."""
    config = {
        "api_token": "made-up",
        "organization_id": "benchmark",
        "api_url": url,
        "max_connections": connections,
    }
    found = subprocess.run([TAP, "--discover"], capture_output=True, check=True).stdout
    catalog = json.loads(found)
    for entry in catalog["streams"]:
        for item in entry["metadata"]:
            if item["breadcrumb"] == []:
                item["metadata"]["selected"] = entry["tap_stream_id"] == "model_executions"
    return [
        TAP,
        "--config",
        json_file(folder / f"tap-{connections}.json", config),
        "--catalog",
        json_file(folder / "catalog.json", catalog),
    ]


def slowly(line: list[str], folder: Path) -> Measured:
    """Run a program once, its output to a target that reads about 10 MB a second.

    Raises:
        RuntimeError: it failed.
    """
    target = "import os, time\nwhile os.read(0, 65536): time.sleep(0.006)"
    with subprocess.Popen([PYTHON, "-c", target], stdin=subprocess.PIPE) as reader:
        if reader.stdin is None:
            sys.exit("benchmark: the target has no pipe")
        measured = run(line, folder, reader.stdin)
        reader.stdin.close()
    return measured


def _check(name: str, output: Path, rows: int) -> None:
    with output.open("rb") as lines:
        written = sum(b'"exec_' in line for line in lines)
    if written != rows:
        sys.exit(f"benchmark: {name} wrote {written} of {rows} rows")


def in_turns(
    lines: dict[str, list[str]], times: int, folder: Path, rows: int
) -> dict[str, list[Measured]]:
    """Run the programs in turns, so many times after a first time that does not count."""
    found: dict[str, list[Measured]] = {name: [] for name in lines}
    for turn in range(times + 1):
        for name, line in lines.items():
            measured = measure(line, folder)
            print(f"  {name}: {measured.seconds:.2f} s", file=sys.stderr, flush=True)
            if name in WRITERS and not turn:
                _check(name, folder / "output", rows)
            if turn:
                found[name].append(measured)
    return found


def seconds(found: list[Measured]) -> float:
    """Return the median."""
    return statistics.median(measured.seconds for measured in found)


def throughput(rows: int, delay: int, times: int) -> list[str]:
    """Return the table of every program against so many rows and such a delay."""
    with serving("server", rows, delay) as url, tempfile.TemporaryDirectory() as folder:
        lines = programs(url, Path(folder))
        if delay:
            lines[f"{THIS}, 8 connections"] = tap(url, Path(folder), 8)
            lines[f"{THIS}, 1 connection"] = tap(url, Path(folder), 1)
        found = in_turns(lines, times, Path(folder), rows)
    ours = seconds(found[THIS])
    title = f"### {rows:,} rows, {delay} ms an answer"
    table = [title, "", "| program | seconds | times tap-dagctl | peak MB |", "|---|---|---|---|"]
    for name, runs in sorted(found.items(), key=lambda item: seconds(item[1])):
        peak = max(run.megabytes for run in runs)
        table.append(f"| {name} | {seconds(runs):.2f} | {seconds(runs) / ours:.2f} | {peak:.0f} |")
    return [*table, ""]


def memory(few: int, many: int) -> list[str]:
    """Return the table of what each needs for few and for many rows, 20 ms an answer."""
    table = ["### Memory", "", f"| program | {few:,} rows, MB | {many:,} rows, MB | times |"]
    table.append("|---|---|---|---|")
    peaks: dict[str, list[float]] = {}
    for rows in (few, many):
        with serving("server", rows, 20) as url, tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            found = {
                f"{THIS}, {number} connections": measure(tap(url, folder, number), folder)
                for number in (1, 4, 16)
            }
            slow = f"{THIS}, 16 connections, a target that reads 10 MB a second"
            found[slow] = slowly(tap(url, folder, 16), folder)
            found[PLAIN] = measure(programs(url, folder)[PLAIN], folder)
            for program, measured in found.items():
                peaks.setdefault(program, []).append(measured.megabytes)
                print(f"  {program}: {measured.megabytes:.0f} MB", file=sys.stderr, flush=True)
    for program, (first, last) in peaks.items():
        table.append(f"| {program} | {first:.0f} | {last:.0f} | {last / first:.2f} |")
    return [*table, ""]


def tables(rows: int, many: int, times: int) -> list[str]:
    """Return every table of this part, with its title."""
    return [
        TITLE,
        "",
        f"Medians of {times}, each program on one core, the server on another; Python",
        f"{platform.python_version()}. Where answers are thrown away, it shows that the server is",
        "not the bottleneck.",
        "",
        *throughput(rows, 0, times),
        *throughput(rows, 50, times),
        *throughput(500, 0, times),
        *memory(10_000, many),
    ]
