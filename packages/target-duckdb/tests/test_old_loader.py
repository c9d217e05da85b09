"""A file that target-duckdb 0.8.0 wrote, the loader of that name on the registry, goes on here.

`data/` has two, written with DuckDB 1.2.2: one with `add_metadata_columns`, and one with a table
for each type of key that it makes, from the schemas and keys below. Keys are primary keys, names
are in lower case, integers are HUGEINT, dates are text.
"""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import Loader, record, schema
from tests.support.types import ARRAY, DATE, FLAG, INTEGER, NUMBER, OBJECT, TEXT, TIME, TIMESTAMP

# The schema of each key, two keys that the file has, and a new one that the column takes.
_KEYS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "smallint": ({"type": "integer", "minimum": -32768, "maximum": 32767}, [1, -7, 3]),
    "integer": ({"type": ["integer"], "minimum": 0, "maximum": 2147483647}, [1, 70000, 3]),
    "bigint": ({"type": "integer", "maximum": 9223372036854775807}, [1, 2**40, 3]),
    "hugeint": ({"type": "integer"}, [1, 2**70, 3]),
    "double": ({"type": "number"}, [1.5, 2.0, 3]),
    "varchar": ({"type": "string"}, ["a", "é", "new"]),
    "either": ({"type": ["integer", "string"]}, [1, "a", "new"]),
    "boolean": ({"type": "boolean"}, [True, False]),
    "day": (DATE, ["2026-01-01", "2026-01-02", "2026-01-03"]),
    "moment": (TIMESTAMP, [f"2026-01-0{it}" for it in ("1T00:00:00Z", "1T00:00:00.5Z", "3")]),
    "daytime": (TIME, ["10:00:00", "10:00:00.5", "11:00:00"]),
    "object": (OBJECT, [{"a": 1, "é": "x"}, {"a": [1, 2]}, {"b": 1}]),
    "array": (ARRAY, [[1, 2], ["é"], ["b"]]),
}
# The properties of a run, what becomes of one, and how that is read back.
_RUN: dict[str, tuple[dict[str, Any], Any, str]] = {
    "id": ({"type": "string"}, "r1", "r1"),
    "rows": (INTEGER, 2**70, str(2**70)),
    "seconds": (NUMBER, 0.5, "0.5"),
    "at": (TIMESTAMP, "2026-03-05T02:00:00+02:00", "2026-03-05 00:00:00"),
    "day": (DATE, "2026-03-05", "2026-03-05"),
    "ok": (FLAG, False, "false"),
    "extra": (OBJECT, {"b": [1]}, '{"b":[1]}'),
    "Name": (TEXT, "", ""),
    "new": (TEXT, "x", "x"),
}


def _old(directory: Path, what: str, **settings: Any) -> Loader:
    loader = Loader(directory, **settings)
    file = Path(__file__).parent / "data" / f"{what}-target-duckdb-0.8.0.duckdb.gz"
    loader.file.write_bytes(gzip.decompress(file.read_bytes()))
    return loader


@pytest.mark.parametrize("metadata", [False, True])
def test_the_next_sync_goes_on(tmp_path: Path, metadata: bool) -> None:
    loader = _old(tmp_path, "written-by", add_record_metadata=metadata)
    changed = {name: value for name, (_, value, _) in _RUN.items()}
    loader.load([
        schema("runs", {name: kind for name, (kind, _, _) in _RUN.items()}),
        record("runs", changed | {"Name": "older"}),
        record("runs", changed),
        record("runs", {"id": "r9"}),
    ])  # fmt: skip

    found = loader.query("SELECT id, name, new FROM raw.runs ORDER BY id")
    assert found == [("r0", "old", None), ("r1", "", "x"), ("r2", "old", None), ("r9", None, None)]
    names = ", ".join(f'CAST("{name}" AS VARCHAR)' for name in _RUN)
    (row,) = loader.query(f"SELECT {names} FROM raw.runs WHERE id = 'r1'")
    assert list(row) == [stored for _, _, stored in _RUN.values()]


def test_its_rows_are_found_by_every_type_of_key(tmp_path: Path) -> None:
    loader = _old(tmp_path, "keys-of", batch_size_rows=1)
    before = {name: loader.types(name) for name in _KEYS}
    messages = []
    for name, (kind, keys) in _KEYS.items():
        rows = [record(name, {"id": key, "n": 10 + n}) for n, key in enumerate(keys)]
        messages += [schema(name, {"id": kind, "n": INTEGER}), *rows, *rows]
    loader.load(messages)

    for name, (_, keys) in _KEYS.items():
        found = loader.query(f'SELECT n FROM raw."{name}" ORDER BY n')
        assert found == [(10 + n,) for n in range(len(keys))], name
        assert loader.types(name) == before[name]


@pytest.mark.parametrize(
    ("name", "key", "column"),
    [("smallint", 2**15, "BIGINT"), ("bigint", 2**63, "HUGEINT"), ("integer", 1.5, "DOUBLE")],
)
def test_a_primary_key_is_widened_when_it_must_be(
    tmp_path: Path, name: str, key: float, column: str
) -> None:
    loader = _old(tmp_path, "keys-of")
    declared = schema(name, {"id": NUMBER if column == "DOUBLE" else INTEGER, "n": INTEGER})
    one, other, _ = _KEYS[name][1]
    rows = [record(name, {"id": it, "n": 5}) for it in (key, one)]
    for _ in range(2):
        loader.load([declared, *rows])

    found = {row["id"]: row["n"] for row in loader.rows(name)}
    assert found == {one: 5, other: 1, key: 5}
    assert loader.types(name)["id"] == column
    statement = "SELECT constraint_type FROM duckdb_constraints() WHERE table_name = ?"
    assert ("PRIMARY KEY",) in loader.query(statement, name)


@pytest.mark.parametrize("seconds", [0.02, 0.05, 0.08, 0.12, 0.16, 0.2])
def test_killed_while_a_primary_key_is_widened_nothing_is_lost(
    tmp_path: Path, seconds: float
) -> None:
    loader = _old(tmp_path, "keys-of")
    rows = [record("smallint", {"id": 2**40 + n, "n": n}) for n in range(2000)]
    messages = [schema("smallint", {"id": INTEGER, "n": INTEGER}), *rows]
    process = loader.start(messages)
    time.sleep(seconds)
    process.kill()
    loader.end(process)
    assert {1, -7} <= {row["id"] for row in loader.rows("smallint")}
    assert loader.run_one_way(messages).exit_code == 0

    assert len(loader.rows("smallint")) == 2002
    tables = loader.query("SELECT table_name FROM duckdb_tables()")
    assert {name for (name,) in tables} == set(_KEYS)


def test_an_index_of_the_users_own_that_stops_a_widening_is_named(
    tmp_path: Path,
) -> None:
    loader = _old(tmp_path, "keys-of")
    loader.execute("CREATE INDEX mine ON raw.smallint (n)")
    declared = schema("smallint", {"id": INTEGER, "n": INTEGER})
    loader.load([declared, record("smallint", {"id": 1, "n": 1})])
    error = loader.run([declared, record("smallint", {"id": 2**40, "n": 1})]).error

    assert "the column 'id' is SMALLINT, not BIGINT: drop its indexes first" in error
    assert '"mine"' in error
    assert len(loader.rows("smallint")) == 2


@pytest.mark.parametrize(
    ("rule", "error"), [("NOT NULL", None), ("CHECK (n > 0)", "'id' is SMALLINT, not BIGINT")]
)
def test_a_table_keeps_the_rules_that_its_owner_gave_it(
    loader: Loader, rule: str, error: str | None
) -> None:
    columns = f"id SMALLINT PRIMARY KEY, n BIGINT {rule}"
    loader.execute(f"CREATE SCHEMA raw; CREATE TABLE raw.it ({columns})")
    messages = [schema("it", {"id": INTEGER, "n": INTEGER}), record("it", {"id": 2**40, "n": 1})]
    run = loader.run(messages)

    assert error in run.error if error else run.exit_code == 0
    broken = {"id": 1, "n": None if rule == "NOT NULL" else 0}
    assert "constraint failed" in loader.run([messages[0], record("it", broken)]).error
