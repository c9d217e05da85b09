"""A file that target-duckdb 0.8.0 wrote, the loader of that name on the registry, goes on here.

`data/` has one, written with DuckDB 1.2.2 and `add_metadata_columns`: keys are primary keys, names
are in lower case, integers are HUGEINT, dates are text. A second one has a table for each type of
key that it makes; `support/old_loader.py` wrote it.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tests.support import old_loader
from tests.support.program import (
    DATE,
    FLAG,
    INTEGER,
    NUMBER,
    OBJECT,
    TEXT,
    TIMESTAMP,
    Loader,
    lines,
    record,
    schema,
)

if TYPE_CHECKING:
    from tests.support.forks import Forks

_FILE = Path(__file__).parent / "data" / "written-by-target-duckdb-0.8.0.duckdb.gz"
_NEW: dict[str, Any] = {
    **dict.fromkeys(("smallint", "integer", "bigint", "hugeint", "double"), 3),
    **dict.fromkeys(("varchar", "either"), "new"),
    "day": "2026-01-03",
    "moment": "2026-01-03T00:00:00+01:00",
    "daytime": "11:00:00",
    "object": {"b": 1},
    "array": ["b"],
}
_RUNS = schema(
    "runs",
    {
        "id": {"type": "string"},
        "project_id": TEXT,
        "rows": INTEGER,
        "few": INTEGER,
        "seconds": NUMBER,
        "at": TIMESTAMP,
        "day": DATE,
        "ok": FLAG,
        "extra": OBJECT,
        "Name": TEXT,
        "new": TEXT,
    },
)
_DAYS = schema(
    "daily_stats",
    {"project_id": {"type": "string"}, "date": {"type": "string", "format": "date"}, "n": INTEGER},
    ["project_id", "date"],
)


@pytest.mark.parametrize("metadata", [True, False])
@pytest.mark.parametrize("size", [1, 1000])
def test_the_next_sync_goes_on(tmp_path: Path, size: int, metadata: bool) -> None:
    loader = Loader(tmp_path, batch_size_rows=size, add_record_metadata=metadata)
    loader.file.write_bytes(gzip.decompress(_FILE.read_bytes()))
    changed = {
        "id": "r1",
        "rows": 2**70,
        "few": 2**40,
        "seconds": 0.5,
        "at": "2026-03-05T02:00:00+02:00",
        "day": "2026-03-05",
        "ok": False,
        "extra": {"b": [1]},
        "Name": "",
        "new": "x",
    }
    days = [{"project_id": "p", "date": f"2026-03-0{n}", "n": n * 10} for n in (2, 3)]
    loader.load([
        _RUNS,
        record("runs", changed | {"Name": "older"}),
        record("runs", changed, time_extracted="2026-03-05T00:00:00Z"),
        record("runs", {"id": "r9"}),
        _DAYS,
        *(record("daily_stats", day) for day in days),
    ])  # fmt: skip

    assert loader.query("SELECT id, name, new FROM raw.runs ORDER BY id") == [
        ("r0", "old", None),
        ("r1", "", "x"),
        ("r2", "old", None),
        ("r9", None, None),
    ]
    statement = 'SELECT rows, few, seconds, "at", day, ok, extra FROM raw.runs WHERE id = ?'
    *values, extra = loader.query(statement, "r1")[0]
    at = datetime(2026, 3, 5)  # noqa: DTZ001
    assert values == [2**70, 2**40, 0.5, at, "2026-03-05", False]
    assert json.loads(extra) == {"b": [1]}
    assert loader.query("SELECT date, n FROM raw.daily_stats ORDER BY date") == [
        ("2026-03-01", 1),
        ("2026-03-02", 20),
        ("2026-03-03", 30),
    ]


def _keys_of_the_old_loader(directory: Path, **settings: Any) -> Loader:
    loader = Loader(directory, **settings)
    loader.file.write_bytes(gzip.decompress(old_loader.FILE.read_bytes()))
    return loader


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize("name", old_loader.KEYS)
def test_its_rows_are_found_by_every_type_of_key(tmp_path: Path, name: str, size: int) -> None:
    loader = _keys_of_the_old_loader(tmp_path, batch_size_rows=size)
    kind, keys = old_loader.KEYS[name]
    before = loader.types(name)
    new = [_NEW[name]] if name in _NEW else []
    rows = [record(name, {"id": key, "n": 10 + n}) for n, key in enumerate([*keys, *new])]
    loader.load([schema(name, {"id": kind, "n": INTEGER}), *rows, *rows])

    found = loader.query(f'SELECT n FROM raw."{name}" ORDER BY n')
    assert found == [(10 + n,) for n in range(len(rows))]
    assert loader.types(name) == before


@pytest.mark.parametrize(
    ("name", "key", "column"),
    [
        ("smallint", 2**15, "BIGINT"),
        ("smallint", 2**63, "HUGEINT"),
        ("integer", 2**31, "BIGINT"),
        ("integer", -(2**70), "HUGEINT"),
        ("bigint", 2**63, "HUGEINT"),
    ],
)
def test_a_primary_key_is_widened_when_it_must_be(
    tmp_path: Path, name: str, key: int, column: str
) -> None:
    loader = _keys_of_the_old_loader(tmp_path)
    declared = schema(name, {"id": INTEGER, "n": INTEGER})
    old = old_loader.KEYS[name][1]
    rows = [record(name, {"id": it, "n": 5}) for it in (key, old[0])]
    loader.load([declared, *rows])
    loader.load([declared, *rows])

    assert sorted(loader.rows(name), key=str) == sorted(
        [{"id": old[0], "n": 5}, {"id": old[1], "n": 1}, {"id": key, "n": 5}], key=str
    )
    assert loader.types(name)["id"] == column
    statement = "SELECT constraint_type FROM duckdb_constraints() WHERE table_name = ?"
    assert ("PRIMARY KEY",) in loader.query(statement, name)


@pytest.mark.parametrize("seconds", [0.02, 0.05, 0.08, 0.12, 0.16, 0.2])
def test_killed_while_a_primary_key_is_widened_nothing_is_lost(
    many: Forks, tmp_path: Path, seconds: float
) -> None:
    loader = _keys_of_the_old_loader(tmp_path)
    rows = [record("smallint", {"id": 2**40 + n, "n": n}) for n in range(2000)]
    messages = [schema("smallint", {"id": INTEGER, "n": INTEGER}), *rows]
    (loader.directory / "input").write_bytes(lines(messages))
    pid = many.start(loader)
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    many.wait(loader)
    assert {1, -7} <= {row["id"] for row in loader.rows("smallint")}
    assert many.run(loader, messages).exit_code == 0

    assert len(loader.rows("smallint")) == 2002
    tables = loader.query("SELECT table_name FROM duckdb_tables()")
    assert {name for (name,) in tables} == set(old_loader.KEYS)


def test_a_primary_key_becomes_a_number(tmp_path: Path) -> None:
    loader = _keys_of_the_old_loader(tmp_path)
    loader.load([schema("integer", {"id": NUMBER}), record("integer", {"id": 1.5})])

    assert [row["id"] for row in loader.rows("integer")] == [1.0, 70000.0, 1.5]


def test_a_primary_key_with_an_index_beside_it_says_what_to_do(tmp_path: Path) -> None:
    loader = _keys_of_the_old_loader(tmp_path)
    with duckdb.connect(str(loader.file)) as connection:
        connection.execute("CREATE INDEX mine ON raw.smallint (n)")
    declared = schema("smallint", {"id": INTEGER, "n": INTEGER})
    loader.load([declared, record("smallint", {"id": 1, "n": 1})])
    run = loader.run([declared, record("smallint", {"id": 2**40, "n": 1})])

    assert "the column 'id' is SMALLINT, not BIGINT: drop its indexes first" in run.error
    assert '"mine"' in run.error
    assert len(loader.rows("smallint")) == 2
