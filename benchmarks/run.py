"""`make benchmark`: this tap beside what a user would pick instead, in one run, as ratios.

Each program is pinned to one core and the server to another. They take turns, so that whatever
else the machine does meets all of them; the median counts. `benchmarks/RESULTS.md` is written.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS = HERE / "RESULTS.md"
PYTHON = sys.executable
# In an environment of its own, as it would be.
DLT = str(ROOT / ".tools" / "dlt" / "bin" / "python")
TAP = str(Path(PYTHON).with_name("tap-dagctl"))
THIS, IDIOMATIC, BARE = "tap-dagctl", "idiomatic SDK tap", "fetch, decode, encode (msgspec)"
PLAIN = "plain script"
# What writes a line for each row; dlt writes files of its own.
WRITERS = {THIS, IDIOMATIC, BARE, PLAIN}
LOADERS = ROOT / ".meltano" / "loaders"


@dataclass(frozen=True)
class Measured:
    """One run of one program."""

    seconds: float
    megabytes: float


@contextmanager
def serving(rows: int, delay: int) -> Iterator[str]:
    """Serve so many rows, each answer after so many milliseconds, on a core of its own."""
    line = [PYTHON, str(HERE / "server.py"), str(rows), str(delay)]
    with subprocess.Popen(
        _pinned(line, 1), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        if server.stdin is None or server.stdout is None:
            sys.exit("benchmark: the server has no pipes")
        yield server.stdout.readline().strip()
        server.stdin.close()


def programs(url: str, folder: Path) -> dict[str, list[str]]:
    """Return the command line of each program."""
    return {
        "fetch and throw away (requests)": [PYTHON, str(HERE / "bare.py"), url, "throw"],
        BARE: [PYTHON, str(HERE / "bare.py"), url],
        THIS: tap(url, folder),
        PLAIN: [PYTHON, str(HERE / "plain_script.py"), url],
        "dlt, extract step alone": [DLT, str(HERE / "dlt_source.py"), url, str(folder / "dlt")],
        IDIOMATIC: [
            PYTHON,
            str(HERE / "idiomatic_tap.py"),
            "--config",
            _json(folder / "idiomatic.json", {"api_url": url}),
        ],
    }


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
        _json(folder / f"tap-{connections}.json", config),
        "--catalog",
        _json(folder / "catalog.json", catalog),
    ]


def _json(path: Path, content: object) -> str:
    path.write_text(json.dumps(content))
    return str(path)


def _pinned(line: list[str], core: int) -> list[str]:
    return ["taskset", "-c", str(core % (os.cpu_count() or 1)), *line]


def slowly(line: list[str], folder: Path) -> Measured:
    """Run a program once, its output to a target that reads about 10 MB a second.

    Raises:
        RuntimeError: it failed.
    """
    target = "import os, time\nwhile os.read(0, 65536): time.sleep(0.006)"
    with subprocess.Popen([PYTHON, "-c", target], stdin=subprocess.PIPE) as reader:
        if reader.stdin is None:
            sys.exit("benchmark: the target has no pipe")
        measured = _run(line, folder, reader.stdin)
        reader.stdin.close()
    return measured


def measure(line: list[str], folder: Path) -> Measured:
    """Run a program once, its output to a file.

    Raises:
        RuntimeError: it failed.
    """
    with (folder / "output").open("wb") as stdout:
        return _run(line, folder, stdout)


def _run(line: list[str], folder: Path, stdout: IO[bytes]) -> Measured:
    with (folder / "log").open("wb") as stderr:
        began = time.monotonic()
        # As an installed program is: its modules compiled once and for all.
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        process = subprocess.Popen(_pinned(line, 0), stdout=stdout, stderr=stderr, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        msg = f"{line[0]} failed: {(folder / 'log').read_text()[-2_000:]}"
        raise RuntimeError(msg)
    return Measured(seconds, usage.ru_maxrss / 1_024)


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
    with serving(rows, delay) as url, tempfile.TemporaryDirectory() as folder:
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
        with serving(rows, 20) as url, tempfile.TemporaryDirectory() as name:
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


def through_loaders(rows: int) -> list[str]:
    """Return the table of the same rows through real loaders, which is where the time goes."""
    table = [
        f"### {rows:,} rows through a loader",
        "",
        "| tap | loader | seconds |",
        "|---|---|---|",
    ]
    with serving(rows, 0) as url, tempfile.TemporaryDirectory() as name, _postgres() as address:
        folder = Path(name)
        lines = programs(url, folder)
        duckdb = {"default_target_schema": "benchmark", "batch_size_rows": 10_000}
        configurations = {
            "target-duckdb": {"filepath": str(folder / "benchmark.duckdb"), **duckdb},
            "target-postgres": {"sqlalchemy_url": address, "default_target_schema": "benchmark"},
        }
        for loader, configuration in configurations.items():
            config = _json(folder / f"{loader}.json", configuration)
            target = str(LOADERS / loader / "venv" / "bin" / loader)
            for program in (THIS, IDIOMATIC):
                pipe = f'"$@" 2>/dev/null | {target} --config {config} >/dev/null 2>&1'
                began = time.monotonic()
                shell = ["bash", "-c", f"set -o pipefail; {pipe}", "bash", *lines[program]]
                subprocess.run(shell, check=True)
                table.append(f"| {program} | {loader} | {time.monotonic() - began:.1f} |")
                print(table[-1], file=sys.stderr, flush=True)
    return [*table, ""]


@contextmanager
def _postgres() -> Iterator[str]:
    sys.path.insert(0, str(ROOT))
    from tests.support.postgres import postgres  # noqa: PLC0415 - the tests' own server, beside this folder

    with tempfile.TemporaryDirectory() as folder, postgres(Path(folder)) as url:
        yield url


def main() -> None:
    """Measure, print, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--many", type=int, default=1_000_000, help="for memory")
    options = parser.parse_args()
    parts = [
        "# Benchmark",
        "",
        "Written by `make benchmark`. Seconds depend on the machine; the ratios are the point.",
        f"Medians of {options.times}, each program on one core, the server on another; Python",
        f"{platform.python_version()}. Where answers are thrown away, it shows that the server is",
        "not the bottleneck.",
        "",
        *throughput(options.rows, 0, options.times),
        *throughput(options.rows, 50, options.times),
        *throughput(500, 0, options.times),
        *memory(10_000, options.many),
        *through_loaders(options.rows),
    ]
    text = "\n".join(parts)
    RESULTS.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
