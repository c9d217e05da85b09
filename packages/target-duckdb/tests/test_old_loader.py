"""A file that target-duckdb 0.8.0 wrote, the loader of that name on the registry, goes on here.

`data/` has two, written with DuckDB 1.2.2: one with `add_metadata_columns`, and one with a table
for each type of key that it makes, from the schemas and keys below. Keys are primary keys, names
are in lower case, integers are HUGEINT, dates are text.
"""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.program import Loader, record, schema
from tests.support.types import DATE, FLAG, INTEGER, NUMBER, OBJECT, TEXT, TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Callable

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
    "day": ({"type": "string", "format": "date"}, ["2026-01-01", "2026-01-02", "2026-01-03"]),
    "moment": (
        {"type": "string", "format": "date-time"},
        ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "2026-01-03T00:00:00+01:00"],
    ),
    "daytime": ({"type": "string", "format": "time"}, ["10:00:00", "10:00:00.5", "11:00:00"]),
    "object": ({"type": "object"}, [{"a": 1, "é": "x"}, {"a": [1, 2]}, {"b": 1}]),
    "array": ({"type": "array"}, [[1, 2], ["é"], ["b"]]),
}
# The properties of a run, and what becomes of one.
_RUN: dict[str, tuple[dict[str, Any], Any]] = {
    "id": ({"type": "string"}, "r1"),
    "project_id": (TEXT, None),
    "rows": (INTEGER, 2**70),
    "few": (INTEGER, 2**40),
    "seconds": (NUMBER, 0.5),
    "at": (TIMESTAMP, "2026-03-05T02:00:00+02:00"),
    "day": (DATE, "2026-03-05"),
    "ok": (FLAG, False),
    "extra": (OBJECT, {"b": [1]}),
    "Name": (TEXT, ""),
    "new": (TEXT, "x"),
}


@pytest.fixture
def load_old(tmp_path: Path) -> Callable[..., Loader]:
    def load(what: str, **settings: Any) -> Loader:
        loader = Loader(tmp_path, **settings)
        file = Path(__file__).parent / "data" / f"{what}-target-duckdb-0.8.0.duckdb.gz"
        loader.file.write_bytes(gzip.decompress(file.read_bytes()))
        return loader

    return load


@pytest.mark.parametrize("metadata", [True, False])
@pytest.mark.parametrize("size", [1, 1000])
def test_the_next_sync_goes_on(load_old: Callable[..., Loader], size: int, metadata: bool) -> None:
    loader = load_old("written-by", batch_size_rows=size, add_record_metadata=metadata)
    changed = {name: value for name, (_, value) in _RUN.items()}
    kinds = {"project_id": {"type": "string"}, "date": {"type": "string", "format": "date"}}
    loader.load([
        schema("runs", {name: kind for name, (kind, _) in _RUN.items()}),
        record("runs", changed | {"Name": "older"}),
        record("runs", changed, time_extracted="2026-03-05T00:00:00Z"),
        record("runs", {"id": "r9"}),
        schema("daily_stats", kinds | {"n": INTEGER}, ["project_id", "date"]),
        *(
            record("daily_stats", {"project_id": "p", "date": f"2026-03-0{n}", "n": n * 10})
            for n in (2, 3)
        ),
    ])  # fmt: skip

    assert loader.query("SELECT id, name, new FROM raw.runs ORDER BY id") == [
        ("r0", "old", None),
        ("r1", "", "x"),
        ("r2", "old", None),
        ("r9", None, None),
    ]
    statement = 'SELECT rows, few, seconds, "at", day, ok, extra FROM raw.runs WHERE id = ?'
    ((*numbers, at, day, ok, extra),) = loader.query(statement, "r1")
    assert (numbers, str(at)) == ([2**70, 2**40, 0.5], "2026-03-05 00:00:00")
    assert (day, ok, extra) == ("2026-03-05", False, '{"b":[1]}')
    assert loader.query("SELECT date, n FROM raw.daily_stats ORDER BY date") == [
        ("2026-03-01", 1),
        ("2026-03-02", 20),
        ("2026-03-03", 30),
    ]


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize("name", _KEYS)
def test_its_rows_are_found_by_every_type_of_key(
    load_old: Callable[..., Loader], name: str, size: int
) -> None:
    loader = load_old("keys-of", batch_size_rows=size)
    kind, keys = _KEYS[name]
    before = loader.types(name)
    rows = [record(name, {"id": key, "n": 10 + n}) for n, key in enumerate(keys)]
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
        ("integer", 1.5, "DOUBLE"),
    ],
)
def test_a_primary_key_is_widened_when_it_must_be(
    load_old: Callable[..., Loader], name: str, key: float, column: str
) -> None:
    loader = load_old("keys-of")
    declared = schema(name, {"id": NUMBER if column == "DOUBLE" else INTEGER, "n": INTEGER})
    one, other, _ = _KEYS[name][1]
    rows = [record(name, {"id": it, "n": 5}) for it in (key, one)]
    for _ in range(2):
        loader.load([declared, *rows])

    assert sorted((row["id"], row["n"]) for row in loader.rows(name)) == sorted(
        [(one, 5), (other, 1), (key, 5)]
    )
    assert loader.types(name)["id"] == column
    statement = "SELECT constraint_type FROM duckdb_constraints() WHERE table_name = ?"
    assert ("PRIMARY KEY",) in loader.query(statement, name)


@pytest.mark.parametrize("seconds", [0.02, 0.05, 0.08, 0.12, 0.16, 0.2])
def test_killed_while_a_primary_key_is_widened_nothing_is_lost(
    load_old: Callable[..., Loader], seconds: float
) -> None:
    loader = load_old("keys-of")
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


def test_a_primary_key_with_an_index_beside_it_says_what_to_do(
    load_old: Callable[..., Loader],
) -> None:
    loader = load_old("keys-of")
    loader.execute("CREATE INDEX mine ON raw.smallint (n)")
    declared = schema("smallint", {"id": INTEGER, "n": INTEGER})
    loader.load([declared, record("smallint", {"id": 1, "n": 1})])
    error = loader.run([declared, record("smallint", {"id": 2**40, "n": 1})]).error

    assert "the column 'id' is SMALLINT, not BIGINT: drop its indexes first" in error
    assert '"mine"' in error
    assert len(loader.rows("smallint")) == 2
