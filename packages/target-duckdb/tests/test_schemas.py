"""Schemas that change, and names that databases find awkward."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.program import Loader, record, schema
from tests.support.types import DATE, FLAG, INTEGER, NUMBER, OBJECT, TEXT, TIMESTAMP

if TYPE_CHECKING:
    from pathlib import Path

# A type with a value, the next type with one, the column in the end, and the values in it.
_WIDER: list[tuple[Any, Any, Any, Any, str, list[str]]] = [
    (INTEGER, 7, NUMBER, 7.5, "DOUBLE", ["7.0", "7.5"]),
    (NUMBER, 7.5, INTEGER, 7, "DOUBLE", ["7.5", "7.0"]),
    (INTEGER, 7, TEXT, "x", "VARCHAR", ["7", "x"]),
    (TEXT, "", INTEGER, 2**70, "VARCHAR", ["", str(2**70)]),
    (FLAG, True, TEXT, "x", "VARCHAR", ["true", "x"]),
    (FLAG, True, INTEGER, 2, "VARCHAR", ["true", "2"]),
    (OBJECT, {"a": 1}, TEXT, "x", "VARCHAR", ['{"a":1}', "x"]),
    (TEXT, "x", OBJECT, {"a": 1}, "VARCHAR", ["x", '{"a":1}']),
    (DATE, "2026-01-01", TIMESTAMP, "2026-01-02T01:00:00Z", "TIMESTAMP", ["2026-01-01 00:00:00"]),
    (TIMESTAMP, "2026-01-01T00:00:00Z", TEXT, "then", "VARCHAR", ["2026-01-01 00:00:00", "then"]),
]


@pytest.mark.parametrize("apart", [True, False], ids=["between syncs", "within one"])
@pytest.mark.parametrize("change", _WIDER)
def test_a_changed_type_is_widened(loader: Loader, change: Any, apart: bool) -> None:
    old, first, new, second, column, values = change
    before = [schema("it", {"id": INTEGER, "it": old}), record("it", {"id": 1, "it": first})]
    after = [schema("it", {"id": INTEGER, "it": new}), record("it", {"id": 2, "it": second})]
    for messages in (before, after) if apart else ([*before, *after],):
        loader.load(messages)

    assert loader.types("it")["it"] == column
    assert [str(row["it"]) for row in loader.rows("it")][: len(values)] == values


@pytest.mark.parametrize(
    ("column", "old", "value", "new", "error"),
    [
        ("n", INTEGER, 2**53 + 1, NUMBER, "is BIGINT, not DOUBLE: it holds integers"),
        ("n", INTEGER, 2**70 + 1, NUMBER, "is HUGEINT, not DOUBLE: it holds integers"),
        ("id", NUMBER, 1, TEXT, "is DOUBLE, not VARCHAR: it is a key"),
        ("id", TIMESTAMP, "2026-01-01T00:00:00Z", TEXT, "is TIMESTAMP, not VARCHAR: it is a key"),
    ],
)
def test_what_cannot_be_widened_names_the_column_and_both_types(
    loader: Loader, column: str, old: Any, value: Any, new: Any, error: str
) -> None:
    before = [schema("it", {"id": INTEGER, column: old}), record("it", {"id": 1, column: value})]
    after = [schema("it", {"id": INTEGER, column: new})]
    # Within one sync, or between two.
    for messages in ([*before, *after], after):
        assert f"it: the column {column!r} {error}" in loader.run(messages).error
        assert len(loader.rows("it")) == 1


def test_an_integer_key_that_becomes_text_still_finds_its_rows(loader: Loader) -> None:
    loader.load([schema("it", {"id": INTEGER, "n": INTEGER}), record("it", {"id": 1, "n": 1})])
    loader.load([schema("it", {"id": TEXT, "n": INTEGER}), record("it", {"id": "1", "n": 2})])

    assert loader.rows("it") == [{"id": "1", "n": 2}]


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_a_record_under_an_older_schema_never_wins(tmp_path: Path, size: int) -> None:
    """The SDK may load what came under the old schema last; an old column stays."""
    loader = Loader(tmp_path, batch_size_rows=size)
    loader.load([
        schema("it", {"id": INTEGER, "n": INTEGER, "old": TEXT}),
        record("it", {"id": 1, "n": 1, "old": "x"}),
        record("it", {"id": 9, "n": 1, "old": "x"}),
        schema("it", {"id": INTEGER, "n": INTEGER, "new": INTEGER}),
        *(record("it", {"id": id_, "n": 2, "new": 3}) for id_ in range(4)),
    ])  # fmt: skip

    assert sorted(loader.rows("it"), key=str) == [
        *({"id": id_, "n": 2, "old": None, "new": 3} for id_ in range(4)),
        {"id": 9, "n": 1, "old": "x", "new": None},
    ]


@pytest.mark.parametrize(
    ("declared", "column"),
    [
        ({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}, "TIMESTAMP"),
        ({"oneOf": [{"type": "null"}, {"type": ["string"], "format": "date-time"}]}, "TIMESTAMP"),
        ({"type": ["integer", "number"]}, "DOUBLE"),
        ({"type": ["integer", "string"]}, "VARCHAR"),
        ({"type": ["object", "array", "null"]}, "JSON"),
        ({"type": ["object", "string"]}, "VARCHAR"),
        ({"type": "null"}, "VARCHAR"),
        ({"anyOf": [{"type": "integer"}, {}]}, "VARCHAR"),
        ({}, "VARCHAR"),
        (True, "VARCHAR"),
        ({"type": None}, "VARCHAR"),
        ({"type": [{"type": "string"}]}, "VARCHAR"),
        ({"type": "string", "format": ["date"]}, "VARCHAR"),
        ({"anyOf": {"type": "integer"}}, "BIGINT"),
    ],
)
def test_what_allows_several_types_gets_a_column_that_holds_them(
    loader: Loader, declared: Any, column: str
) -> None:
    loader.load([schema("it", {"id": INTEGER, "it": declared})])

    assert loader.types("it")["it"] == column


_BOTH = "differ only in case"


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ([schema("it", {"id": INTEGER}, ["no"])], "the key 'no' is no property"),
        ([schema("it", {}, [])], "its schema has no properties"),
        (
            [schema("it", {"id": INTEGER, "ID": INTEGER})],
            f"it: the properties 'id' and 'ID' {_BOTH}",
        ),
        (
            [schema("it", {"id": INTEGER}), schema("It", {"id": INTEGER})],
            f"The streams 'it' and 'It' {_BOTH}",
        ),
        *(
            (
                [schema("it", {"id": INTEGER, name: TEXT})],
                f"the property {name!r} and the loader's own column {name.lower()!r} {_BOTH}",
            )
            for name in ("_SDC_DELETED_AT", "_sdc_Table_Version")
        ),
        *(
            ([schema(stream, {"id": INTEGER, name: TEXT})], "rename it")
            for odd in ("", "a\0b", "\ud800")
            for stream, name in ((odd, "n"), ("it", odd))
        ),
    ],
)
def test_a_schema_that_makes_no_table_is_an_error(
    loader: Loader, messages: Any, error: str
) -> None:
    assert error in loader.run(messages).error


def test_names_are_told_apart_as_duckdb_does(tmp_path: Path) -> None:
    row = {"id": 1, "é": 2, "É": 3, "_SDC_BATCHED_AT": 4}
    messages = [schema("it", dict.fromkeys(row, INTEGER)), record("it", row)]
    loader = Loader(tmp_path)
    loader.load(messages)
    assert loader.rows("it") == [row]

    run = Loader(tmp_path, add_record_metadata=True).run(messages)
    both = "the property '_SDC_BATCHED_AT' and the loader's own column '_sdc_batched_at'"
    assert f"{both} {_BOTH}" in run.error


def test_a_column_whose_type_is_not_the_loaders_is_an_error(loader: Loader) -> None:
    loader.execute("CREATE SCHEMA raw; CREATE TABLE raw.it (id BIGINT, n DECIMAL(9, 2))")
    run = loader.run([schema("it", {"id": INTEGER, "n": NUMBER})])

    assert "it: the column 'n' is DECIMAL(9,2), not DOUBLE" in run.error


@pytest.mark.parametrize("on", ["n", "id", "id, n"])
def test_an_index_of_the_users_own_that_stops_a_widening_is_named(loader: Loader, on: str) -> None:
    loader.load([schema("it", {"id": INTEGER, "n": INTEGER}), record("it", {"id": 1, "n": 1})])
    loader.execute(f'CREATE INDEX "my index" ON raw.it ({on})')
    for new, column in ((NUMBER, "DOUBLE"), (TEXT, "VARCHAR")):
        error = loader.run([schema("it", {"id": INTEGER, "n": new})]).error

        assert f"it: the column 'n' is BIGINT, not {column}: drop its indexes first" in error
        assert '"my index"' in error
        assert loader.rows("it") == [{"id": 1, "n": 1}]


def test_a_table_of_many_columns_is_loaded_and_grows(loader: Loader) -> None:
    """Past the number of columns from which a record is taken apart otherwise."""
    names = [f"c{number}" for number in range(400)]
    for count in (90, 150, 400):
        kinds = {it: (INTEGER, TEXT, DATE, OBJECT)[n % 4] for n, it in enumerate(names[:count])}
        values = {it: (n, f"é{n}", "2026-01-01", {"n": n})[n % 4] for n, it in enumerate(kinds)}
        loader.load([
            schema("it", {"id": INTEGER, **kinds}),
            record("it", {"id": 0, **values}),
            record("it", {"id": count, **values}),
            record("it", {"id": -1}),
        ])  # fmt: skip

        found = {row["id"]: row for row in loader.rows("it")}[count]
        read = [json.loads(it) if str(it).startswith("{") else it for it in found.values()]
        assert [str(it) for it in read] == [str(it) for it in (count, *values.values())]


def test_an_integer_column_is_as_wide_as_its_values(loader: Loader) -> None:
    loader.execute("CREATE SCHEMA raw; CREATE TABLE raw.it (id UTINYINT, n UBIGINT)")
    declared = schema("it", {"id": INTEGER, "n": INTEGER})
    loader.load([declared, record("it", {"id": 255, "n": 2**64 - 1})])
    assert loader.types("it") == {"id": "UTINYINT", "n": "UBIGINT"}

    loader.load([declared, record("it", {"id": 256, "n": -1})])
    assert loader.types("it") == {"id": "BIGINT", "n": "HUGEINT"}
    assert loader.rows("it") == [{"id": 255, "n": 2**64 - 1}, {"id": 256, "n": -1}]
