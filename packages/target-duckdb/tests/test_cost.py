"""What a sync takes grows with its own rows and columns: seconds of CPU, of runs in turns."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tests.support.program import INTEGER, NUMBER, TEXT, Loader, lines, record, schema

if TYPE_CHECKING:
    from pathlib import Path

_KINDS = (INTEGER, TEXT, NUMBER)


def _messages(tables: int, columns: int) -> list[dict[str, Any]]:
    kinds = {f"c{n}": _KINDS[n % 3] for n in range(columns)}
    values = {f"c{n}": (n, f"x{n}", n / 2)[n % 3] for n in range(columns)}
    return [
        it
        for n in range(tables)
        for it in (schema(f"t{n}", kinds, ["c0"]), record(f"t{n}", values))
    ]


def _seconds(loader: Loader, messages: list[dict[str, Any]]) -> float:
    """The least of three runs into a new file, or the one that is there."""
    before = loader.file.read_bytes() if loader.file.exists() else None
    text = lines(messages)
    found = []
    for _ in range(3):
        loader.file.unlink(missing_ok=True)
        if before:
            loader.file.write_bytes(before)
        with subprocess.Popen(
            loader.command(), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdin
            process.stdin.write(text)
            process.stdin.close()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        found.append(used.ru_utime + used.ru_stime)
    loader.file.unlink()
    return min(found)


def test_twice_as_many_columns_that_need_a_second_look_take_about_twice_as_long(
    tmp_path: Path,
) -> None:
    loader = Loader(tmp_path)
    start = _seconds(loader, [])
    one, other = (
        _seconds(loader, [schema("it", dict.fromkeys(names, INTEGER)), record("it", names)]) - start
        for names in ({"id": 1.0, **{f"c{n}": 1.0 for n in range(size)}} for size in (400, 800))
    )

    assert other < 3.2 * one


@pytest.mark.parametrize(("some", "twice"), [((1, 1500), (1, 3000)), ((50, 20), (100, 20))])
def test_twice_as_much_takes_about_twice_as_long(
    tmp_path: Path, some: tuple[int, int], twice: tuple[int, int]
) -> None:
    loader = Loader(tmp_path)
    start = _seconds(loader, [])
    one, other = (_seconds(loader, _messages(*it)) - start for it in (some, twice))

    # With the square it would be four times.
    assert other < 3.2 * one


def test_what_else_is_in_the_file_costs_nothing(tmp_path: Path) -> None:
    loader = Loader(tmp_path)
    messages = _messages(20, 10)
    alone = _seconds(loader, messages)
    columns = ", ".join(f"c{n} INTEGER" for n in range(50))
    with duckdb.connect(str(loader.file)) as connection:
        connection.execute("CREATE SCHEMA others")
        for n in range(500):
            connection.execute(f"CREATE TABLE others.t{n} ({columns})")
    others = loader.file.read_bytes()
    opened = _seconds(loader, [])
    loader.file.write_bytes(others)
    beside = _seconds(loader, messages)

    # DuckDB reads what the tables are as it opens the file.
    assert beside - opened < 1.5 * alone
