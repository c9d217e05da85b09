"""What a sync takes grows with its own rows and columns, not with what else is in the file."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.program import lines, record, schema, state
from tests.support.types import INTEGER, NUMBER, TEXT

if TYPE_CHECKING:
    from tests.support.program import Loader

_KINDS = (INTEGER, TEXT, NUMBER)
_IT = schema("it", {"id": INTEGER, "text": TEXT})
_KEYS = 250_000  # of 2 kB each
_MOST_MEGABYTES = 450
_LITTLE = 1_500_000_000  # bytes of addresses; the program alone has most of a billion
_FILL = f"""
import duckdb, sys
with duckdb.connect(sys.argv[1]) as connection:
    connection.execute("SET force_compression = 'uncompressed'")
    connection.execute("CREATE SCHEMA raw")
    keys = "SELECT repeat(md5(i::VARCHAR), 64) AS id FROM range({_KEYS}) AS it(i)"
    connection.execute(f"CREATE TABLE raw.it AS {{keys}}")
"""


def _messages(tables: int, columns: int) -> list[dict[str, Any]]:
    kinds = {f"c{n}": _KINDS[n % 3] for n in range(columns)}
    values = {f"c{n}": (n, f"x{n}", n / 2)[n % 3] for n in range(columns)}
    return [
        it
        for n in range(tables)
        for it in (schema(f"t{n}", kinds, ["c0"]), record(f"t{n}", values))
    ]


def _seconds(loader: Loader, messages: list[dict[str, Any]], before: bytes = b"") -> float:
    """The least CPU time of three runs, each into a file that begins as `before`."""
    found = []
    for _ in range(3):
        loader.file.unlink(missing_ok=True)
        if before:
            loader.file.write_bytes(before)
        with subprocess.Popen(
            loader.command(), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdin
            process.stdin.write(lines(messages))
            process.stdin.close()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        found.append(used.ru_utime + used.ru_stime)
    return min(found)


def _need_a_second_look(columns: int) -> list[dict[str, Any]]:
    values = {"id": 1.0, **{f"c{n}": 1.0 for n in range(columns)}}
    return [schema("it", dict.fromkeys(values, INTEGER)), record("it", values)]


@pytest.mark.parametrize(
    ("some", "twice"),
    [
        (_messages(1, 1500), _messages(1, 3000)),
        (_messages(50, 20), _messages(100, 20)),
        (_need_a_second_look(400), _need_a_second_look(800)),
    ],
    ids=["columns", "tables", "second look"],
)
def test_twice_as_much_takes_about_twice_as_long(
    loader: Loader, some: list[dict[str, Any]], twice: list[dict[str, Any]]
) -> None:
    start = _seconds(loader, [])
    one, other = (_seconds(loader, it) - start for it in (some, twice))

    # With the square it would be four times.
    assert other < 3.2 * one


def test_what_else_is_in_the_file_takes_no_time(loader: Loader) -> None:
    messages = _messages(20, 10)
    alone = _seconds(loader, messages)
    loader.file.unlink()
    columns = ", ".join(f"c{n} INTEGER" for n in range(50))
    others = (f"CREATE TABLE others.t{n} ({columns});" for n in range(500))
    loader.execute(f"CREATE SCHEMA others; {''.join(others)}")
    before = loader.file.read_bytes()

    # DuckDB reads what the tables are as it opens the file.
    assert _seconds(loader, messages, before) - _seconds(loader, [], before) < 1.5 * alone


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel does not tell")
def test_a_table_larger_than_what_a_load_takes(loader: Loader) -> None:
    subprocess.run([sys.executable, "-c", _FILL, str(loader.file)], check=True)
    assert loader.file.stat().st_size > 500_000_000
    messages = loader.directory / "messages"
    messages.write_bytes(lines([schema("it", {"id": TEXT}), record("it", {"id": "5"})]))

    assert _peak_megabytes(loader, messages) < _MOST_MEGABYTES
    assert loader.query("SELECT count(*) FROM raw.it") == [(_KEYS + 1,)]


def _peak_megabytes(loader: Loader, messages: Path) -> float:
    peak = 0
    with (
        messages.open("rb") as stdin,
        subprocess.Popen(loader.command(), stdin=stdin, stderr=subprocess.DEVNULL) as process,
    ):
        while process.poll() is None:
            # What `getrusage` tells would begin with what the parent held at the fork.
            with suppress(OSError):
                status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
                found = [int(line.split()[1]) for line in status if line.startswith("VmHWM:")]
                peak = max([peak, *found])
            time.sleep(0.01)
    assert process.returncode == 0
    return peak / 1024


def test_a_record_larger_than_what_a_load_takes(loader: Loader) -> None:
    text = "x" * 140_000_000
    loader.load([_IT, record("it", {"id": 1, "text": text})])

    assert loader.query("SELECT length(text) FROM raw.it") == [(len(text),)]


def test_too_little_memory_is_an_error(loader: Loader) -> None:
    """Where the machine has no more, not where DuckDB's own bound is."""
    messages = [_IT, record("it", {"id": 1}), state(1), _IT | {"key_properties": []}]
    messages += [record("it", {"id": 2, "text": "x" * 200_000_000}), state(2)]
    run = loader.run_within("RLIMIT_AS", _LITTLE, messages)

    assert ": give it more memory, or a smaller batch" in run.error
    assert (run.states, loader.rows("it")) == ([{"at": 1}], [{"id": 1, "text": None}])
