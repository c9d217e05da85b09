"""From the API to the table: this tap with its loader beside what a user would pick instead.

Each chain fills a new DuckDB file from a list of model executions. What stands in the table is then
compared with what the server has, row by row.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import duckdb

from benchmarks import one_list
from benchmarks.measure import DLT, HERE, PYTHON, ROOT, Measured, json_file, pipeline, serving
from benchmarks.server import row
from tests.support.postgres import postgres

TITLE = "## From the API to the table"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
SCHEMA = "benchmark"
OURS = str(ROOT / ".meltano" / "loaders" / "target-duckdb" / "venv" / "bin" / "target-duckdb")
OLD = str(ROOT / ".tools" / "target-duckdb" / "bin" / "target-duckdb")
POSTGRES = str(
    ROOT / ".meltano" / "loaders" / "target-postgres" / "venv" / "bin" / "target-postgres"
)
MOMENTS = ("start_time", "end_time", "created_at", "updated_at")
PLAIN = (
    *("id", "project_id", "run_id", "model_name", "status"),
    *("duration_seconds", "error_message"),
)

INTRODUCTION = """\
Model executions from the server into a new DuckDB file, with all columns and the newest row of each
id. The two programs of a chain run at the same time, on both cores; the server shares one of them.
Medians; CPU and peak memory of both programs together. In the first, unmeasured turn each table was
compared with the server's rows, field by field; all were equal.

- target-duckdb 0.8.0 is the one of the package registry, on DuckDB 1.2.2, with the two settings
  that keep it from losing rows (`flush_all_streams`, `add_metadata_columns`).
- dlt runs its REST source, and loads parquet files, the quickest of its formats for DuckDB.
  "Replace" compares nothing with what is there, and so cannot be used for a second sync that reads
  only what is new.
- The script keeps all rows in memory, knows each column beforehand, and has no state."""

MEMORY = """\
A batch of our loader has 50,000 rows, so the smallest of these lists is less than one. Beyond that,
its memory grows with what DuckDB keeps of the table, and that has a bound."""


@dataclass(frozen=True)
class Chain:
    """What brings the rows into a DuckDB file.

    Attributes:
        name: what the table calls it.
        lines: makes its command lines, piped into each other, from the URL and an empty folder in
            which `warehouse.duckdb` is to be.
    """

    name: str
    lines: Callable[[str, Path], list[list[str]]]


def _loaded(loader: str, **settings: object) -> Callable[[Path], list[str]]:
    def line(folder: Path) -> list[str]:
        filepath = str(folder / "warehouse.duckdb")
        config = {"filepath": filepath, "default_target_schema": SCHEMA, **settings}
        return [loader, "--config", json_file(folder / "target.json", config)]

    return line


_ours = _loaded(OURS)
_old = _loaded(OLD, flush_all_streams=True, add_metadata_columns=True)


def _dlt(how: str) -> Callable[[str, Path], list[list[str]]]:
    return lambda url, folder: [[DLT, str(HERE / "dlt_pipeline.py"), url, str(folder), how]]


def _script(url: str, folder: Path) -> list[list[str]]:
    return [[PYTHON, str(HERE / "script_into_duckdb.py"), url, str(folder)]]


THIS = Chain(
    "tap-dagctl, our target-duckdb",
    lambda url, folder: [one_list.tap(url, folder), _ours(folder)],
)
SCRIPT = Chain("script written by hand", _script)
UPSERT = Chain("dlt, upsert", _dlt("upsert"))
CHAINS = (
    THIS,
    SCRIPT,
    UPSERT,
    Chain("dlt, replace", _dlt("replace")),
    Chain(
        "tap-dagctl, target-duckdb 0.8.0",
        lambda url, folder: [one_list.tap(url, folder), _old(folder)],
    ),
    Chain(
        "idiomatic SDK tap, target-duckdb 0.8.0",
        lambda url, folder: [one_list.idiomatic(url, folder), _old(folder)],
    ),
)


def tables(rows: int, many: int, times: int) -> Iterator[list[str]]:
    """Measure, and yield the tables, each time longer: one that is stopped has some to show."""
    made = [TITLE, "", *INTRODUCTION.splitlines(), ""]
    for measured in (
        partial(_seconds, rows, 0, times),
        partial(_memory, (rows // 10, rows, many)),
        partial(_seconds, rows, 50, times),
        partial(_into_postgres, rows),
    ):
        made += measured()
        yield made


def _seconds(rows: int, delay: int, times: int) -> list[str]:
    found: dict[str, list[Measured]] = {chain.name: [] for chain in CHAINS}
    with serving("server", rows, delay) as url:
        for turn in range(times + 1):
            for chain in CHAINS:
                measured = _fill(chain, url, 0 if turn else rows)
                if turn:
                    found[chain.name].append(measured)
    ours = median(run.seconds for run in found[THIS.name])
    table = [f"### {rows:,} rows, {delay} ms an answer, into DuckDB", ""]
    table += [
        "| chain | seconds | times ours | seconds of CPU | peak MB |",
        "|---|---|---|---|---|",
    ]
    for name, runs in found.items():
        seconds = median(run.seconds for run in runs)
        table.append(
            f"| {name} | {seconds:.2f} | {seconds / ours:.2f} "
            f"| {median(run.cpu for run in runs):.2f} | {max(run.megabytes for run in runs):.0f} |"
        )
    return [*table, ""]


def _memory(sizes: Sequence[int]) -> list[str]:
    found: dict[str, list[Measured]] = {}
    for rows in sizes:
        with serving("server", rows, 0) as url:
            # Else the first chain would wait for the server to make its answers.
            subprocess.run([PYTHON, str(HERE / "bare.py"), url, "throw"], check=True)
            for chain in (THIS, SCRIPT, UPSERT):
                found.setdefault(chain.name, []).append(_fill(chain, url, rows))
    titles = [*(f"{rows:,} rows, MB" for rows in sizes), "the last, seconds"]
    table = ["### Memory, from the API to the table", "", *MEMORY.splitlines(), ""]
    table += [f"| chain | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
    for name, runs in found.items():
        peaks = " | ".join(f"{run.megabytes:.0f}" for run in runs)
        table.append(f"| {name} | {peaks} | {runs[-1].seconds:.1f} |")
    return [*table, ""]


def _fill(chain: Chain, url: str, rows: int) -> Measured:
    """Fill a new file once; where `rows` are given, compare it with those of the server."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measured = pipeline(chain.lines(url, folder), folder)
        print(f"  {chain.name}: {measured}", file=sys.stderr, flush=True)
        if rows:
            compare(chain.name, folder / "warehouse.duckdb", rows)
    return measured


def compare(name: str, file: Path, rows: int) -> None:
    """End the program where the table is not what the server has, field by field."""
    columns = ", ".join([*PLAIN, *(f"epoch_us({moment}::timestamptz)" for moment in MOMENTS)])
    with duckdb.connect(str(file)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        table = f"{SCHEMA}.model_executions"
        select = f"SELECT {columns} FROM {table} ORDER BY id"  # noqa: S608 - names from here
        found = connection.execute(select)
        for number in range(rows):
            if found.fetchone() != _expected(number):
                sys.exit(f"benchmark: {name} did not bring row {number}, or not as it is")
        if found.fetchone() is not None:
            sys.exit(f"benchmark: {name} brought rows that the server does not have")


def _expected(number: int) -> tuple[Any, ...]:
    made = row(number)
    return (*(made.get(column) for column in PLAIN), *(_micros(made[name]) for name in MOMENTS))


def _micros(text: str) -> int:
    form = "%Y-%m-%dT%H:%M:%S.%fZ" if "." in text else "%Y-%m-%dT%H:%M:%SZ"
    since = datetime.strptime(text, form).replace(tzinfo=timezone.utc) - EPOCH
    return (since.days * 86_400 + since.seconds) * 10**6 + since.microseconds


def _into_postgres(rows: int) -> list[str]:
    table = [
        f"### {rows:,} rows into PostgreSQL",
        "",
        "meltanolabs-target-postgres with the settings of `meltano.yml`, once each.",
        "",
        "| tap | seconds | seconds of CPU |",
        "|---|---|---|",
    ]
    taps = {"tap-dagctl": one_list.tap, "idiomatic SDK tap": one_list.idiomatic}
    for tap, line in taps.items():
        with (
            serving("server", rows, 0) as url,
            tempfile.TemporaryDirectory() as name,
            postgres(Path(name) / "postgres") as address,
        ):
            folder = Path(name)
            config = {
                "sqlalchemy_url": address,
                "default_target_schema": SCHEMA,
                "validate_records": False,
            }
            target = [POSTGRES, "--config", json_file(folder / "target.json", config)]
            measured = pipeline([line(url, folder), target], folder)
            table.append(f"| {tap} | {measured.seconds:.1f} | {measured.cpu:.1f} |")
    return [*table, ""]
