"""Values, types and names: each arrives as it is, and two keys that differ are two rows."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import datetime, time
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.program import Loader, record, schema
from tests.support.types import DATE, FLAG, INTEGER, NUMBER, OBJECT, TEXT, TIME, TIMESTAMP

_EITHER = {"type": ["integer", "string"]}


def _load(kind: Any, *values: Any) -> list[Any]:
    """Return messages with values that are no keys."""
    return [schema("it", {"it": kind}, []), *(record("it", {"it": value}) for value in values)]


def _line(key: str, n: int = 0) -> str:
    return f'{{"type": "RECORD", "stream": "it", "record": {{"it": {key}, "n": {n}}}}}'


def _keyed(kind: Any, *keys: str) -> list[Any]:
    """Return messages with keys, as JSON."""
    return [schema("it", {"it": kind}, ["it"]), *map(_line, keys)]


_DECIMAL = {"type": "string", "format": "x-singer.decimal"}
_DIGITS = "12345678901234567890.12345678901234567890"
_INTEGERS = [0, -1, 2**63 - 1, -(2**63), 2**53 + 1, None]
_HUGE = [1, 2**63, 2**64, -(2**127), 2**127 - 1]
_DOUBLES = [0.1, -0.5, 1e300, 5e-324, 3.0, 2.0**53, 1e22, 123456789012345680000.0]
_MOMENT = "2026-01-01T00:00:00.1234560Z"
_AT = datetime(2026, 1, 1, microsecond=123456)  # noqa: DTZ001
# Messages of several syncs, and the values in the end.
_LOADS: list[tuple[list[list[Any]], list[Any]]] = [
    ([_load(_DECIMAL, _DIGITS)], [_DIGITS]),
    *(([_load(INTEGER, *values)], values) for values in (_INTEGERS, _HUGE)),
    ([_load(NUMBER, *_DOUBLES)], _DOUBLES),
    # A text may read like what is no number.
    ([_load(TEXT, "NaN", "-Infinity")], ["NaN", "-Infinity"]),
    ([_load(OBJECT, {"Infinity": "NaN"})], ['{"Infinity":"NaN"}']),
    # A type becomes the one that holds both; those that have no other in common become text.
    ([_load(NUMBER, 7.5), _load(INTEGER, 7)], [7.5, 7.0]),
    ([_load(DATE, "2026-01-01"), _load(TIMESTAMP, _MOMENT)], [_AT.replace(microsecond=0), _AT]),
    ([_load(TEXT, ""), _load(INTEGER, 2**70)], ["", str(2**70)]),
    ([_load(FLAG, *[True]), _load(INTEGER, 2)], ["true", "2"]),
    ([_load(TEXT, "x"), _load(OBJECT, {"a": 1})], ["x", '{"a":1}']),
    ([_load(TIMESTAMP, _MOMENT), _load(TEXT, "then")], ["2026-01-01 00:00:00.123456", "then"]),
    # Equal keys are one row.
    ([_keyed(INTEGER, "1", "1.0", "1e0")], [1]),
    ([_keyed(NUMBER, "1", "1.0", "0.1", "1e-1", "1e300")], [1.0, 0.1, 1e300]),
    ([_keyed(TIME, '"10:00:00Z"', '"12:00:00+02:00"')], [time(10)]),
    ([_keyed(TIMESTAMP, f'"{_MOMENT}"')], [_AT]),
    ([_keyed(TEXT, '"a\\u0000b"', '"\\u00e9"', '"é"', '""', '"\\""')], ["a\0b", "é", "", '"']),
    ([_keyed(TEXT, "1", "true")], ["1", "true"]),
    ([_keyed(_EITHER, '"1"', '"a"')], ["1", "a"]),
    ([_keyed(OBJECT, '{"a":1}', '{"a": 1}', '{"a": 0.5}')], ['{"a":1}', '{"a":0.5}']),
    # As text it is still the same key.
    ([_keyed(INTEGER, "1"), _keyed(TEXT, '"1"')], ["1"]),
    ([_keyed(TEXT, "1"), _keyed(TEXT, '"1"')], ["1"]),
]


@pytest.mark.parametrize("case", _LOADS)
def test_values_are_kept_and_equal_keys_are_one_row(
    loader: Loader, case: tuple[list[list[Any]], list[Any]]
) -> None:
    loads, values = case
    for messages in loads:
        loader.load(messages)

    assert [row["it"] for row in loader.rows("it")] == values


def test_a_moment_is_stored_in_utc_whatever_the_machines_time_zone(loader: Loader) -> None:
    moments = {
        "2026-03-02T05:59:30+02:00": "2026-03-02 03:59:30",
        "2026-03-02 05:59:30": "2026-03-02 05:59:30",
        "2026-03-02t05:59:30z": "2026-03-02 05:59:30",
        "2026-03-02T05:59:30.1234567Z": "2026-03-02 05:59:30.123456",
    }
    rows = [record("it", {"id": place, "at": text}) for place, text in enumerate(moments)]
    messages = [schema("it", {"id": INTEGER, "at": TIMESTAMP}), *rows]
    run = loader.run_program(messages, env={**os.environ, "TZ": "Asia/Tokyo"})

    assert run.exit_code == 0, run.stderr
    assert [str(row["at"]) for row in loader.rows("it")] == list(moments.values())


def test_what_is_not_stored_may_be_odd_and_an_object_is_stored_as_it_came(loader: Loader) -> None:
    odd = '"no": 1, "no": 2, "nan": NaN, "o": {"a": 1, "a": [{"b": 1, "b": 2}]}'
    line = f'{{"type": "RECORD", "stream": "it", "record": {{"id": 1, {odd}}}, "x": 1, "x": 2}}'
    loader.load([schema("it", {"id": INTEGER, "o": {}}), line])

    assert loader.rows("it") == [{"id": 1, "o": '{"a":1,"a":[{"b":1,"b":2}]}'}]


def test_names_are_told_apart_as_duckdb_does(tmp_path: Path) -> None:
    row = {"id": 1, "é": 2, "É": 3, "_SDC_BATCHED_AT": 4}
    messages = [schema("it", dict.fromkeys(row, INTEGER)), record("it", row)]
    loader = Loader(tmp_path)
    loader.load(messages)
    assert loader.rows("it") == [row]

    run = Loader(tmp_path, add_record_metadata=True).run(messages)
    assert "differ only in case" in run.error


@pytest.mark.parametrize("name", ["rowid", "ROWID"])
def test_a_property_may_have_the_name_of_duckdbs_own_column(loader: Loader, name: str) -> None:
    """By which the rows that a record replaces are found, otherwise."""
    head = schema("it", {"id": INTEGER, name: INTEGER})
    loader.load([head, *(record("it", {"id": row, name: 7}) for row in (1, 1, 2))])
    loader.load([head, record("it", {"id": 1, name: 8})])

    rows = sorted(loader.rows("it"), key=itemgetter("id"))
    assert rows == [{"id": 1, name: 8}, {"id": 2, name: 7}]


def test_a_name_may_hold_what_a_statement_or_a_message_escapes(loader: Loader) -> None:
    """The name of a stream, of its key and of other columns."""
    names = ['a"b', "it's", "a\\b", "a\nb"]
    row = {name: place for place, name in enumerate(names)}
    heads = [schema(name, dict.fromkeys(names, INTEGER), [name]) for name in names]
    for _ in range(2):
        loader.load([*heads, *(record(name, row) for name in names)])

    assert all(loader.rows(name) == [row] for name in names)


def test_what_allows_several_types_gets_a_column_that_holds_them(loader: Loader) -> None:
    columns: list[tuple[Any, str]] = [
        ({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}, "TIMESTAMP"),
        ({"oneOf": [{"type": "null"}, {"type": ["string"], "format": "date-time"}]}, "TIMESTAMP"),
        ({"type": ["integer", "number"]}, "DOUBLE"),
        ({"type": ["integer", "string"]}, "VARCHAR"),
        ({"type": ["object", "array", "null"]}, "JSON"),
        ({"type": "null"}, "VARCHAR"),
        ({"anyOf": [{"type": "integer"}, {}]}, "VARCHAR"),
        (True, "VARCHAR"),
        ({"type": None}, "VARCHAR"),
        ({"type": [{"type": "string"}]}, "VARCHAR"),
        ({"type": "string", "format": ["date"]}, "VARCHAR"),
        ({"anyOf": {"type": "integer"}}, "BIGINT"),
    ]
    loader.load([schema("it", {f"c{n}": it for n, (it, _) in enumerate(columns)}, [])])

    assert list(loader.types("it").values()) == [kind for _, kind in columns]


def test_a_table_of_many_columns_is_loaded_and_grows(loader: Loader) -> None:
    """Past the number of columns from which a record is taken apart otherwise."""
    names = [f"c{number}" for number in range(400)]
    for count in (90, 150, 400):
        kinds = {it: (INTEGER, TEXT, DATE, OBJECT)[n % 4] for n, it in enumerate(names[:count])}
        values = {it: (n, f"é{n}", "2026-01-01", {"n": n})[n % 4] for n, it in enumerate(kinds)}
        head = schema("it", {"id": INTEGER, **kinds})
        loader.load([head, record("it", {"id": count, **values}), record("it", {"id": -1})])

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


def _moment(hour: int, fraction: str, offset: str) -> tuple[str, Any]:
    utc = hour - int(offset.strip("Z")[:3] or 0)
    return f'"2026-01-01T{hour:02}:00:00.{fraction}{offset}"', (utc, fraction.rstrip("0"))


def _numbered(key: str) -> tuple[str, Any]:
    return key, Decimal(key)


def _sampled(*keys: str) -> st.SearchStrategy[tuple[str, Any]]:
    return st.sampled_from(keys).map(lambda it: (it, repr(json.loads(it))))


_MOMENTS = st.builds(
    _moment,
    st.integers(1, 3),
    st.sampled_from(["0", "000001", "0000010", "0000011", "0000019"]),
    st.sampled_from(["Z", "+01:00", "-01:00", ""]),
)
_NUMBERS = st.floats(0, 1).map(repr) | st.decimals(0, 1, places=17).map(str)
# The JSON of a key, and what is equal for keys that are the same.
_KEYS: dict[str, tuple[Any, st.SearchStrategy[tuple[str, Any]]]] = {
    "integer": (INTEGER, st.sampled_from(["1", "1.0", "1e0", "16"]).map(_numbered)),
    "number": (NUMBER, _NUMBERS.map(_numbered)),
    "text": (TEXT, _sampled("1", '"1"', "true", '"true"', '"a"', "2", '"2"', "1.5")),
    "either": (_EITHER, _sampled("1", '"1"', '"01"', '"x"', "NaN")),
    "moment": (TIMESTAMP, _MOMENTS),
    "object": (OBJECT, _sampled('{"a":1}', '{"a": 1}', '{"a":2}', '{"a":1.0}')),
}


@given(data=st.data(), kind=st.sampled_from(sorted(_KEYS)), size=st.sampled_from([1, 2, 1000]))
def test_as_many_rows_as_keys_or_an_error(data: Any, kind: str, size: int) -> None:
    """In one sync or in two; of an error it is only asked that it loses nothing."""
    declared, strategy = _KEYS[kind]
    keys = data.draw(st.lists(strategy, min_size=1, max_size=6))
    # From one sync to the next, a tap may begin to write a number as text: the key stays the same.
    place = 0 if kind in {"text", "either"} else data.draw(st.integers(0, len(keys)))
    messages = [_line(key, n) for n, (key, _) in enumerate(keys)]
    head = schema("it", {"it": declared, "n": INTEGER}, ["it"])
    with tempfile.TemporaryDirectory() as directory:
        loader = Loader(Path(directory), batch_size_rows=size)
        runs = [loader.run([head, *some]) for some in (messages[:place], messages[place:])]
        if not any(run.exit_code for run in runs):
            newest = {same: n for n, (_, same) in enumerate(keys)}
            assert {row["n"] for row in loader.rows("it")} == set(newest.values())
