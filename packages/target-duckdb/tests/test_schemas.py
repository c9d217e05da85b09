"""Schemas that change, and names that databases find awkward."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tests.support.program import (
    DATE,
    FLAG,
    INTEGER,
    NUMBER,
    OBJECT,
    TEXT,
    TIMESTAMP,
    Loader,
    record,
    schema,
)

if TYPE_CHECKING:
    from pathlib import Path

_WIDER: list[tuple[Any, Any, Any, Any, str, list[Any]]] = [
    (INTEGER, 7, NUMBER, 7.5, "DOUBLE", [7.0, 7.5]),
    (NUMBER, 7.5, INTEGER, 7, "DOUBLE", [7.5, 7.0]),
    (INTEGER, 7, TEXT, "x", "VARCHAR", ["7", "x"]),
    (TEXT, "", INTEGER, 2**70, "VARCHAR", ["", str(2**70)]),
    (FLAG, True, TEXT, "x", "VARCHAR", ["true", "x"]),
    (FLAG, True, INTEGER, 2, "VARCHAR", ["true", "2"]),
    (OBJECT, {"a": 1}, TEXT, "x", "VARCHAR", ['{"a":1}', "x"]),
    (TEXT, "x", OBJECT, {"a": 1}, "VARCHAR", ["x", '{"a":1}']),
    (DATE, "2026-01-01", TIMESTAMP, "2026-01-02T01:00:00Z", "TIMESTAMP", []),
    (TIMESTAMP, "2026-01-01T00:00:00Z", TEXT, "then", "VARCHAR", ["2026-01-01 00:00:00", "then"]),
]


@pytest.mark.parametrize("apart", [True, False], ids=["between syncs", "within one"])
@pytest.mark.parametrize(("old", "first", "new", "second", "column", "values"), _WIDER)
def test_a_changed_type_is_widened(
    loader: Loader,
    old: Any,
    first: Any,
    new: Any,
    second: Any,
    column: str,
    values: list[Any],
    apart: bool,
) -> None:
    before = [schema("it", {"id": INTEGER, "it": old}), record("it", {"id": 1, "it": first})]
    after = [schema("it", {"id": INTEGER, "it": new}), record("it", {"id": 2, "it": second})]
    for messages in (before, after) if apart else ([*before, *after],):
        loader.load(messages)

    assert loader.types("it")["it"] == column
    if values:
        assert [row["it"] for row in loader.rows("it")] == values
    else:
        assert loader.rows("it")[0]["it"] == datetime(2026, 1, 1)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("old", "first", "new", "error"),
    [
        (INTEGER, 2**53 + 1, NUMBER, "'it' is BIGINT, not DOUBLE: it holds integers"),
        (INTEGER, 2**70 + 1, NUMBER, "'it' is HUGEINT, not DOUBLE: it holds integers"),
    ],
)
@pytest.mark.parametrize("apart", [True, False], ids=["between syncs", "within one"])
def test_what_cannot_be_widened_names_the_column_and_both_types(
    loader: Loader, old: Any, first: Any, new: Any, error: str, apart: bool
) -> None:
    before = [schema("it", {"id": INTEGER, "it": old}), record("it", {"id": 1, "it": first})]
    after = [schema("it", {"id": INTEGER, "it": new}), record("it", {"id": 1, "it": 0.5})]
    if apart:
        loader.load(before)
    run = loader.run(after if apart else [*before, *after])

    assert f"it: the column {error}" in run.error
    assert loader.rows("it") == [{"id": 1, "it": first}]


@pytest.mark.parametrize(("old", "value"), [(NUMBER, 1), (TIMESTAMP, "2026-01-01T00:00:00Z")])
def test_a_key_does_not_become_text_in_which_records_are_not_found(
    loader: Loader, old: Any, value: Any
) -> None:
    loader.load([schema("it", {"id": old}), record("it", {"id": value})])
    run = loader.run([schema("it", {"id": TEXT}), record("it", {"id": str(value)})])

    assert ", not VARCHAR: it is a key" in run.error


def test_an_integer_key_that_becomes_text_still_finds_its_rows(loader: Loader) -> None:
    loader.load([schema("it", {"id": INTEGER, "n": INTEGER}), record("it", {"id": 1, "n": 1})])
    loader.load([schema("it", {"id": TEXT, "n": INTEGER}), record("it", {"id": "1", "n": 2})])

    assert loader.rows("it") == [{"id": "1", "n": 2}]


def test_new_properties_become_columns_and_old_ones_stay(loader: Loader) -> None:
    loader.load([
        schema("it", {"id": INTEGER, "a": TEXT}),
        record("it", {"id": 1, "a": "x"}),
        record("it", {"id": 2, "a": "y"}),
        schema("it", {"id": INTEGER, "b": TEXT}),
        record("it", {"id": 1, "b": "z"}),
    ])  # fmt: skip

    rows = sorted(loader.rows("it"), key=lambda row: row["id"])
    assert rows == [{"id": 1, "a": None, "b": "z"}, {"id": 2, "a": "y", "b": None}]


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_a_record_under_an_older_schema_never_wins(tmp_path: Path, size: int) -> None:
    """The SDK may load what came under the old schema last."""
    loader = Loader(tmp_path, batch_size_rows=size)
    loader.load([
        schema("it", {"id": INTEGER, "n": INTEGER}),
        record("it", {"id": 1, "n": 1}),
        schema("it", {"id": INTEGER, "n": INTEGER, "m": INTEGER}),
        *(record("it", {"id": id_, "n": 2}) for id_ in range(4)),
    ])  # fmt: skip

    assert sorted((row["id"], row["n"]) for row in loader.rows("it")) == [
        (id_, 2) for id_ in range(4)
    ]


@pytest.mark.parametrize(
    "declared",
    [
        {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
        {"oneOf": [{"type": "null"}, {"type": ["string"], "format": "date-time"}]},
    ],
)
def test_alternatives_are_looked_into(loader: Loader, declared: Any) -> None:
    loader.load([schema("it", {"id": INTEGER, "it": declared})])

    assert loader.types("it")["it"] == "TIMESTAMP"


@pytest.mark.parametrize(
    ("declared", "column"),
    [
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


@pytest.mark.parametrize(
    "name",
    [
        "select",
        "Group",
        "a.b",
        "a-b",
        'a"b',
        "it's",
        "a b",
        "名前",
        "😀",
        "a\nb",
        "rowid",
        "x" * 300,
    ],
)
def test_an_awkward_name_is_kept(loader: Loader, name: str) -> None:
    loader.load([
        schema(name, {name: INTEGER, "text": TEXT}, [name]),
        *(record(name, {name: 1, "text": text}) for text in ("old", "new")),
    ])  # fmt: skip

    assert loader.rows(name) == [{name: 1, "text": "new"}]


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800"])
def test_a_name_that_duckdb_cannot_have_is_an_error(loader: Loader, name: str) -> None:
    assert "rename it" in loader.run([schema(name, {"id": INTEGER})]).error
    assert "rename it" in loader.run([schema("it", {"id": INTEGER, name: TEXT})]).error


def test_names_that_differ_only_in_case_are_an_error(loader: Loader) -> None:
    run = loader.run([schema("it", {"id": INTEGER, "ID": INTEGER})])
    assert "it: the properties 'id' and 'ID' differ only in case" in run.error

    run = loader.run([schema("it", {"id": INTEGER}), schema("It", {"id": INTEGER})])
    assert "The streams 'it' and 'It' differ only in case" in run.error


def test_names_whose_other_letters_differ_in_case_are_kept(loader: Loader) -> None:
    loader.load([
        schema("it", {"id": INTEGER, "é": INTEGER, "É": INTEGER}),
        record("it", {"id": 1, "é": 2, "É": 3}),
    ])  # fmt: skip

    assert loader.rows("it") == [{"id": 1, "é": 2, "É": 3}]


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ([schema("it", {"id": INTEGER}, ["no"])], "the key 'no' is no property"),
        ([schema("it", {}, [])], "its schema has no properties"),
    ],
)
def test_a_schema_that_makes_no_table_is_an_error(
    loader: Loader, messages: Any, error: str
) -> None:
    assert error in loader.run(messages).error


def test_a_column_whose_type_is_not_the_loaders_is_an_error(loader: Loader) -> None:
    with duckdb.connect(str(loader.file)) as connection:
        connection.execute("CREATE SCHEMA raw; CREATE TABLE raw.it (id BIGINT, n DECIMAL(9, 2))")
    run = loader.run([schema("it", {"id": INTEGER, "n": NUMBER})])

    assert "it: the column 'n' is DECIMAL(9,2), not DOUBLE" in run.error


@pytest.mark.parametrize("name", ["_SDC_DELETED_AT", "_sdc_Table_Version"])
@pytest.mark.parametrize("metadata", [True, False])
def test_a_column_of_the_loaders_own_in_another_case_is_an_error(
    tmp_path: Path, name: str, metadata: bool
) -> None:
    loader = Loader(tmp_path, add_record_metadata=metadata)
    run = loader.run([
        schema("it", {"id": INTEGER, name: TEXT}), record("it", {"id": 1, name: "x"}, version=1),
    ])  # fmt: skip

    assert f"{name!r}" in run.error
    assert "differ only in case" in run.error


def test_another_name_of_the_loaders_is_kept_unless_there_is_metadata(tmp_path: Path) -> None:
    messages = [
        schema("it", {"id": INTEGER, "_SDC_BATCHED_AT": TEXT}),
        record("it", {"id": 1, "_SDC_BATCHED_AT": "x"}),
    ]
    loader = Loader(tmp_path)
    loader.load(messages)
    assert loader.rows("it") == [{"id": 1, "_SDC_BATCHED_AT": "x"}]

    run = Loader(tmp_path, add_record_metadata=True).run(messages)
    both = "the property '_SDC_BATCHED_AT' and the loader's own column '_sdc_batched_at' differ"
    assert both in run.error


@pytest.mark.parametrize(
    ("column", "new", "error"),
    [
        ("n", NUMBER, "is BIGINT, not DOUBLE: drop its indexes first, and make them again"),
        ("n", TEXT, "is BIGINT, not VARCHAR: drop its indexes first, and make them again"),
    ],
)
@pytest.mark.parametrize("on", ["n", "id", "id, n"])
def test_an_index_of_the_users_own_that_stops_a_widening_is_named(
    loader: Loader, column: str, new: Any, error: str, on: str
) -> None:
    loader.load([schema("it", {"id": INTEGER, "n": INTEGER}), record("it", {"id": 1, "n": 1})])
    with duckdb.connect(str(loader.file)) as connection:
        connection.execute(f'CREATE INDEX "my index" ON raw.it ({on})')
    run = loader.run([schema("it", {"id": INTEGER, "n": new})])

    assert f"it: the column {column!r} {error}" in run.error
    assert '"my index"' in run.error
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
    with duckdb.connect(str(loader.file)) as connection:
        connection.execute("CREATE SCHEMA raw; CREATE TABLE raw.it (id UTINYINT, n UBIGINT)")
    declared = schema("it", {"id": INTEGER, "n": INTEGER})
    loader.load([declared, record("it", {"id": 255, "n": 2**64 - 1})])
    assert loader.types("it") == {"id": "UTINYINT", "n": "UBIGINT"}

    loader.load([declared, record("it", {"id": 256, "n": -1})])
    assert loader.types("it") == {"id": "BIGINT", "n": "HUGEINT"}
    assert loader.rows("it") == [{"id": 255, "n": 2**64 - 1}, {"id": 256, "n": -1}]
