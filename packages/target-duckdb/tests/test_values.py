"""Awkward values: each arrives as it is, or is refused in one line."""

from __future__ import annotations

import json
import os
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.program import (
    ARRAY,
    DATE,
    FLAG,
    INTEGER,
    NUMBER,
    OBJECT,
    TEXT,
    TIME,
    TIMESTAMP,
    Loader,
    record,
    schema,
)

if TYPE_CHECKING:
    from pathlib import Path

_KEPT: list[tuple[Any, str, list[Any]]] = [
    (
        TEXT,
        "VARCHAR",
        ["", " ", "null", "\\N", "a\nb\r\nc", "\0", "a\0b", '"', "'", ",", "\ufeff😀"],
    ),
    (INTEGER, "BIGINT", [0, -1, 2**63 - 1, -(2**63), 2**53 + 1, None]),
    (INTEGER, "HUGEINT", [1, 2**63, 2**64, -(2**127), 2**127 - 1]),
    (NUMBER, "DOUBLE", [0.1, -0.5, 1e300, 5e-324, 3.0, 2.0**53, 1e22, 123456789012345680000.0]),
    (FLAG, "BOOLEAN", [True, False, None]),
    (OBJECT, "JSON", [{}, {"a": {"b": [1, None, "x\n\0"]}}, {"n": 2**70}, {"": ""}, None]),
    (ARRAY, "JSON", [[], [[]], [1, "a", None, {"b": 2}], None]),
]


@pytest.mark.parametrize(("kind", "column", "values"), _KEPT, ids=[it[1] for it in _KEPT])
def test_a_value_is_kept(loader: Loader, kind: Any, column: str, values: list[Any]) -> None:
    rows = [record("it", {"id": place, "value": value}) for place, value in enumerate(values)]
    loader.load([schema("it", {"id": INTEGER, "value": kind}), *rows])

    found = [row["value"] for row in loader.rows("it")]
    if column == "JSON":
        found = [value if value is None else json.loads(value) for value in found]
    assert found == values
    assert loader.types("it")["value"] == column


def test_timestamps_are_stored_in_utc(loader: Loader) -> None:
    moments = {
        "2026-03-02T05:59:30.123456Z": datetime(2026, 3, 2, 5, 59, 30, 123456),  # noqa: DTZ001
        "2026-03-02T05:59:30+02:00": datetime(2026, 3, 2, 3, 59, 30),  # noqa: DTZ001
        "2026-01-01T00:30:00-05:30": datetime(2026, 1, 1, 6, 0),  # noqa: DTZ001
        "2026-03-02 05:59:30": datetime(2026, 3, 2, 5, 59, 30),  # noqa: DTZ001
        "2026-03-02T05:59:30.1234567Z": datetime(2026, 3, 2, 5, 59, 30, 123456),  # noqa: DTZ001
        "0001-01-01T00:00:00Z": datetime(1, 1, 1),  # noqa: DTZ001
        "9999-12-31T23:59:59.999999Z": datetime(9999, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001
    }
    rows = [record("it", {"id": place, "at": text}) for place, text in enumerate(moments)]
    # Whatever the machine's own time zone is.
    run = loader.run(
        [schema("it", {"id": INTEGER, "at": TIMESTAMP}), *rows],
        env={**os.environ, "TZ": "Asia/Tokyo"},
    )

    assert run.exit_code == 0, run.stderr
    assert [row["at"] for row in loader.rows("it")] == list(moments.values())
    assert loader.types("it")["at"] == "TIMESTAMP"


def test_dates_and_times_are_stored_as_such(loader: Loader) -> None:
    rows = [
        {"id": 1, "day": "0001-01-01", "time": "00:00:00"},
        {"id": 2, "day": "9999-12-31", "time": "23:59:59.999999"},
        {"id": 3, "day": "2026-02-28", "time": "10:00:00+02:00"},
    ]
    messages = [record("it", row) for row in rows]
    loader.load([schema("it", {"id": INTEGER, "day": DATE, "time": TIME}), *messages])

    assert [row["day"] for row in loader.rows("it")] == [
        date(1, 1, 1),
        date(9999, 12, 31),
        date(2026, 2, 28),
    ]
    assert [row["time"] for row in loader.rows("it")] == [
        time(0),
        time(23, 59, 59, 999999),
        time(8),
    ]


@pytest.mark.parametrize(
    ("kind", "value", "column"),
    [
        (INTEGER, 1.5, "BIGINT"),
        (INTEGER, "many", "BIGINT"),
        (INTEGER, True, "BIGINT"),
        (INTEGER, 2**127, "BIGINT"),
        # DuckDB's JSON reader has rounded it, and what it was is not known any more.
        (INTEGER, 2.0**53, "BIGINT"),
        (INTEGER, 12345678901234567890.5, "BIGINT"),
        (NUMBER, 2**53 + 1, "DOUBLE"),
        (NUMBER, "much", "DOUBLE"),
        (FLAG, "perhaps", "BOOLEAN"),
        (TIMESTAMP, "yesterday", "TIMESTAMP"),
        (TIMESTAMP, "2026-02-30T00:00:00Z", "TIMESTAMP"),
        (DATE, "2026-03-02T10:00:00Z", "DATE"),
        (DATE, "2026-13-01", "DATE"),
        (TIME, "25:00:00", "TIME"),
        # What DuckDB's casts take, and JSON schema does not call a date, a number or an integer.
        (DATE, "2024-01-01T00:00:00+05:00", "DATE"),
        (DATE, "2024-01-01T00:00:00", "DATE"),
        *((DATE, it, "DATE") for it in ("infinity", "epoch", "2024-1-1", " 2024-01-01")),
        *(
            (DATE, it, "DATE")
            for it in ("12024-01-01", "2024-01-01 (BC)", "2024/01/01", "20240101")
        ),
        *((TIMESTAMP, it, "TIMESTAMP") for it in ("infinity", "-infinity", "epoch")),
        (TIMESTAMP, "2024-01-01T24:00:00Z", "TIMESTAMP"),
        (TIMESTAMP, "2024-01-01T00:00:00 America/New_York", "TIMESTAMP"),
        (TIMESTAMP, "2024-01-01T00:00:00+05:00:30", "TIMESTAMP"),
        (TIMESTAMP, "2024-01-01T00:00:00-24:00", "TIMESTAMP"),
        (TIMESTAMP, "2024-01-01T23:59:60Z", "TIMESTAMP"),
        (TIMESTAMP, "2024-01-01T00:00:00Z\n", "TIMESTAMP"),
        *((TIME, it, "TIME") for it in ("24:00:00", "infinity", "epoch", "10", "1:00:00")),
        *((INTEGER, it, "BIGINT") for it in ("16", "0x10", "1_000", " 5", "+5", "5.", "1e2")),
        *((NUMBER, it, "DOUBLE") for it in ("1.5", "Infinity", "NaN", "1_000")),
        *((FLAG, it, "BOOLEAN") for it in ("true", 1, 0, "t")),
    ],
)
def test_a_value_that_does_not_fit_is_an_error(
    loader: Loader, kind: Any, value: Any, column: str
) -> None:
    messages = [
        schema("it", {"id": INTEGER, "value": kind}),
        record("it", {"id": 1, "value": value}),
    ]
    run = loader.run([*messages, {"type": "STATE", "value": {"at": 1}}])

    shown = "" if isinstance(value, float) else json.dumps(value)
    error = f"it: the column 'value' is {column} and cannot take {shown}"
    assert error in run.error
    assert not run.states
    assert loader.rows("it") == []


def test_a_batch_that_does_not_fit_leaves_the_rows_before_it(loader: Loader) -> None:
    declared = schema("it", {"id": INTEGER, "n": INTEGER})
    loader.load([declared, record("it", {"id": 1, "n": 1})])
    run = loader.run([declared, record("it", {"id": 1, "n": 2}), record("it", {"id": 1, "n": "x"})])

    assert 'cannot take "x"' in run.error
    assert loader.rows("it") == [{"id": 1, "n": 1}]


def test_a_number_too_big_for_any_column_is_an_error(loader: Loader) -> None:
    line = '{"type": "RECORD", "stream": "it", "record": {"id": 1, "value": 1e400}}'
    run = loader.run([schema("it", {"id": INTEGER, "value": NUMBER}), line])

    assert "it: the column 'value' is DOUBLE and cannot take 1e400" in run.error


@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("kind", [NUMBER, INTEGER, TEXT, OBJECT, {}])
def test_what_is_no_json_is_an_error(loader: Loader, kind: Any, written: str) -> None:
    """Python and DuckDB read it, and on the SDK's way it would become null."""
    if kind is OBJECT:
        written = f'{{"a": [{written}]}}'
    line = '{"type": "RECORD", "stream": "it", "record": {"id": 1, "value": ' + written + "}}"
    run = loader.run([schema("it", {"id": INTEGER, "value": kind}), line])

    assert "it: the column 'value' is " in run.error
    assert loader.rows("it") == []


def test_a_text_that_reads_like_no_number_is_one(loader: Loader) -> None:
    values = [("NaN", {"Infinity": "NaN"}), ("-Infinity", {"a": "b"})]
    rows = [
        record("it", {"id": n, "text": text, "o": o, "no": n}) for n, (text, o) in enumerate(values)
    ]
    loader.load([schema("it", {"id": INTEGER, "text": TEXT, "o": OBJECT}), *rows])

    assert [(row["text"], json.loads(row["o"])) for row in loader.rows("it")] == values


@pytest.mark.parametrize("version", ["1.7", '"3"', "true", "{}", "9223372036854775808"])
def test_a_version_that_is_no_integer_is_an_error(loader: Loader, version: str) -> None:
    line = '{"type": "RECORD", "stream": "it", "record": {"id": 1}, "version": ' + version + "}"

    run = loader.run([schema("it", {"id": INTEGER}), line])
    assert "it: `version` of a record is no integer" in run.error
    activate = line.replace("RECORD", "ACTIVATE_VERSION")
    run = loader.run([schema("it", {"id": INTEGER}), activate])
    assert run.exit_code == (version != "9223372036854775808")


_TWICE = '{"type": "RECORD", "stream": "it", "record": {"id": 1'


@pytest.mark.parametrize(
    ("rest", "error"),
    [
        (', "id": 1}}', True),
        (', "o": 1, "o": 2}}', True),
        # Of what nothing is stored, nothing is ambiguous.
        (', "no": 1, "no": 2}}', False),
        (', "no": NaN}}', False),
        ('}, "record": {"id": 2}}', True),
        ('}, "stream": "it"}', True),
        ('}, "type": "STATE"}', True),
        ('}, "version": 1, "version": 1}', True),
        ('}, "no": 1, "no": 2}', False),
        # DuckDB keeps it as it came.
        (', "o": {"a": 1, "a": [{"b": 1, "b": 2}]}}}', False),
    ],
)
@pytest.mark.parametrize("settings", [{}, {"validate_records": True}, {"stream_maps": {"it": {}}}])
def test_a_key_that_comes_twice_is_an_error_where_it_is_stored(
    tmp_path: Path, rest: str, error: bool, settings: dict[str, Any]
) -> None:
    loader = Loader(tmp_path, **settings)
    run = loader.run([schema("it", {"id": INTEGER, "o": {}}), _TWICE + rest])

    if error:
        assert "duplicate key" in run.error
    else:
        assert run.exit_code == 0, run.stderr
        kept = '{"a":1,"a":[{"b":1,"b":2}]}' if '"b"' in rest else None
        assert loader.rows("it") == [{"id": 1, "o": kept}]


@pytest.mark.parametrize(
    "line",
    [
        '{"type": "STATE", "value": {"a": 1, "a": 2}}',
        '{"type": "STATE", "value": {}, "value": {}}',
        '{"type": "SCHEMA", "stream": "it", "schema": {"properties": {"a": {}, "a": {}}}}',
        '{"type": "ACTIVATE_VERSION", "stream": "it", "version": 1, "version": 2}',
    ],
)
def test_another_message_in_which_a_key_comes_twice_is_an_error(loader: Loader, line: str) -> None:
    assert "duplicate key" in loader.run([schema("it", {"id": INTEGER}), line]).error


def test_a_large_integer_widens_a_column_that_has_rows(loader: Loader) -> None:
    declared = schema("it", {"id": INTEGER, "value": INTEGER})
    loader.load([declared, record("it", {"id": 1, "value": 7})])
    loader.load([declared, record("it", {"id": 2**64, "value": 2**80})])

    assert loader.rows("it") == [{"id": 1, "value": 7}, {"id": 2**64, "value": 2**80}]


def test_decimals_as_text_keep_every_digit(loader: Loader) -> None:
    exact = {"type": "string", "format": "x-singer.decimal"}
    digits = "12345678901234567890.12345678901234567890"
    loader.load([schema("it", {"id": INTEGER, "it": exact}), record("it", {"id": 1, "it": digits})])

    assert loader.rows("it") == [{"id": 1, "it": digits}]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('{"type": "RECORD", "stream": "it", "record": {"id": 1', "a record cannot be read"),
        ('{"type": "RECORD", "stream": "it", "record": {"id": 1}}{}', "a record cannot be read"),
        ('{"type": "RECORD", "stream": "it", "record": {"id": 1, "id": 2}}', "duplicate key"),
        ('{"type": "RECORD", "stream": "it", "record": null}', "RECORD message without 'record'"),
        ('{"type": "RECORD", "stream": "it"}', "RECORD message without 'record'"),
        ('{"type": "RECORD", "record": {"id": 1}}', "RECORD message without 'stream'"),
        ('{"type": "RECORD", "stream": "no", "record": {"id": 1}}', "'no' has no SCHEMA message"),
        ('{"type": "RECORD", "stream": "\\q", "record": {"id": 1}}', "a line that is not JSON"),
        ('{"type": "RECORD", "stream": "a\tb", "record": {"id": 1}}', "a line that is not JSON"),
        ('{"type": "RECORD", "stream": "it", "record": {}}', "no value for the key 'id'"),
        ('{"type": "RECORD", "stream": "it", "record": {"id": null}}', "no value for the key 'id'"),
        ('{"type": "SCHEMA", "stream": "it"}', "SCHEMA message without 'schema'"),
        ('{"type": "SCHEMA", "stream": "it", "schema": {}}', "its schema has no properties"),
        ('{"type": "STATE"}', "STATE message without 'value'"),
        ('{"type": "NEWS"}', "message of type 'NEWS'"),
        ("{}", "message of type None"),
        ("[]", "a line that is no object"),
        ("nonsense", "a line that is not JSON"),
    ],
)
def test_a_line_that_cannot_be_read_is_an_error(loader: Loader, line: str, error: str) -> None:
    declared = schema("it", {"id": INTEGER, "o": OBJECT})
    run = loader.run([declared, record("it", {"id": 0}), {"type": "STATE", "value": {}}, line])

    assert error in run.error
    assert not run.states


def test_a_value_of_any_depth_is_kept_or_refused(loader: Loader) -> None:
    deep = "[" * 10**5 + "]" * 10**5
    line = '{"type": "RECORD", "stream": "it", "record": {"id": 1, "o": ' + deep + "}}"
    # How deep Python reads, on the long way, depends on its version.
    run = loader.run_one_way([schema("it", {"id": INTEGER, "o": OBJECT}), line])

    if run.exit_code:
        assert "depth" in run.error
    else:
        assert loader.query("SELECT CAST(o AS VARCHAR) FROM raw.it") == [(deep,)]
