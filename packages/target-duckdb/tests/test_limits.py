"""What a sync takes grows with its own rows and columns, not with what else is in the file."""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import Any

import pytest

from tests.support.program import Loader, record, schema, state
from tests.support.types import INTEGER, NUMBER, TEXT

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
_MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""


def _used(loader: Loader, messages: list[dict[str, Any]]) -> list[float]:
    """The seconds of CPU and the megabytes that a run takes, into a file that is kept."""
    # A child of the tests' own process would begin with what that holds at the fork.
    run = loader.run_program(messages, sys.executable, "-c", _MEASURE)
    assert run.exit_code == 0, run.stderr
    return [float(it) for it in run.stdout.split()]


def _seconds(loader: Loader, messages: list[dict[str, Any]]) -> float:
    """The least CPU time of three runs, each into a new file."""
    found = []
    for _ in range(3):
        loader.file.unlink(missing_ok=True)
        found.append(_used(loader, messages)[0])
    return min(found)


def _messages(tables: int, columns: int) -> list[dict[str, Any]]:
    kinds = {f"c{n}": _KINDS[n % 3] for n in range(columns)}
    values = {f"c{n}": (n, f"x{n}", n / 2)[n % 3] for n in range(columns)}
    return [
        it
        for n in range(tables)
        for it in (schema(f"t{n}", kinds, ["c0"]), record(f"t{n}", values))
    ]


@pytest.mark.parametrize("sizes", [[(1, 1500), (1, 3000)], [(50, 20), (100, 20)]])
def test_twice_as_much_takes_about_twice_as_long(
    loader: Loader, sizes: list[tuple[int, int]]
) -> None:
    start = _seconds(loader, [])
    one, other = (_seconds(loader, _messages(*size)) - start for size in sizes)

    # With the square it would be four times.
    assert other < 3.2 * one


def test_what_else_is_in_the_file_costs_nothing(loader: Loader) -> None:
    messages = _messages(20, 10)
    alone, _ = _used(loader, messages)
    columns = ", ".join(f"c{n} INTEGER" for n in range(50))
    tables = (f"CREATE TABLE others.t{n} ({columns})" for n in range(500))
    loader.execute("; ".join(["CREATE SCHEMA others", *tables]))
    # DuckDB reads what the tables are as it opens the file.
    opened, _ = _used(loader, [])
    beside, _ = _used(loader, messages)

    assert beside - opened < alone


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the unit is another")
def test_a_table_larger_than_what_a_load_takes(loader: Loader) -> None:
    subprocess.run([sys.executable, "-c", _FILL, str(loader.file)], check=True)
    assert loader.file.stat().st_size > 500_000_000
    _, megabytes = _used(loader, [schema("it", {"id": TEXT}), record("it", {"id": "5"})])

    assert megabytes < _MOST_MEGABYTES
    assert loader.query("SELECT count(*) FROM raw.it") == [(_KEYS + 1,)]


def test_a_record_larger_than_what_a_load_takes(loader: Loader) -> None:
    text = "x" * 140_000_000
    loader.load([_IT, record("it", {"id": 1, "text": text})])

    assert loader.query("SELECT length(text) FROM raw.it") == [(len(text),)]


def test_too_little_memory_is_an_error(loader: Loader) -> None:
    """Where the machine has no more, not where DuckDB's own bound is."""
    messages = [_IT, record("it", {"id": 1}), state(1), _IT | {"key_properties": []}]
    messages += [record("it", {"id": 2, "text": "x" * 200_000_000}), state(2)]
    run = loader.run_within(resource.RLIMIT_AS, _LITTLE, messages)

    assert ": give it more memory, or a smaller batch" in run.error
    assert (run.states, loader.rows("it")) == ([{"at": 1}], [{"id": 1, "text": None}])
