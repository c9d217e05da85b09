"""Awkward values: each arrives as it is, or is refused in one line."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.program import Loader, record, schema, state
from tests.support.types import ARRAY, DATE, FLAG, INTEGER, NUMBER, OBJECT, TEXT, TIME, TIMESTAMP

if TYPE_CHECKING:
    from pathlib import Path

_DIGITS = "12345678901234567890.12345678901234567890"
_KEPT: list[tuple[Any, str, list[Any]]] = [
    (TEXT, "VARCHAR", ["", " ", "null", "NaN", "-Infinity", "\\N", "a\nb\r\nc", "\0", "a\0b"]),
    (TEXT, "VARCHAR", ['"', "'", ",", "\ufeff😀"]),
    ({"type": "string", "format": "x-singer.decimal"}, "VARCHAR", [_DIGITS]),
    (INTEGER, "BIGINT", [0, -1, 2**63 - 1, -(2**63), 2**53 + 1, None]),
    (INTEGER, "HUGEINT", [1, 2**63, 2**64, -(2**127), 2**127 - 1]),
    (NUMBER, "DOUBLE", [0.1, -0.5, 1e300, 5e-324, 3.0, 2.0**53, 1e22, 123456789012345680000.0]),
    (FLAG, "BOOLEAN", [True, False, None]),
    (OBJECT, "JSON", [{}, {"a": {"b": [1, None, "x\n\0"]}}, {"n": 2**70}, {"": ""}, None]),
    (OBJECT, "JSON", [{"Infinity": "NaN"}]),
    (ARRAY, "JSON", [[], [[]], [1, "a", None, {"b": 2}], None]),
]
_MOMENTS = [
    (
        TIMESTAMP,
        {
            "2026-03-02T05:59:30.123456Z": "2026-03-02 05:59:30.123456",
            "2026-03-02T05:59:30+02:00": "2026-03-02 03:59:30",
            "2026-01-01T00:30:00-05:30": "2026-01-01 06:00:00",
            "2026-03-02 05:59:30": "2026-03-02 05:59:30",
            "2026-03-02T05:59:30.1234567Z": "2026-03-02 05:59:30.123456",
            "0001-01-01T00:00:00Z": "0001-01-01 00:00:00",
            "9999-12-31T23:59:59.999999Z": "9999-12-31 23:59:59.999999",
        },
    ),
    (DATE, {it: it for it in ("0001-01-01", "9999-12-31", "2026-02-28")}),
    (
        TIME,
        {
            "00:00:00": "00:00:00",
            "23:59:59.999999": "23:59:59.999999",
            "10:00:00+02:00": "08:00:00",
        },
    ),
]
_NO_NUMBERS = ("NaN", "Infinity", "-Infinity")
# By column: what it cannot take, as JSON.
_MISFITS: list[tuple[str, Any, list[str]]] = [
    # DuckDB's JSON reader has rounded the third, and what it was is not known any more.
    ("BIGINT", INTEGER, ["1.5", str(2**127), str(2.0**53), "12345678901234567890.5", "true"]),
    ("BIGINT", INTEGER, [f'"{it}"' for it in ("many", "16", "0x10", "1_000", " 5", "+5", "5.")]),
    ("BIGINT", INTEGER, ['"1e2"', *_NO_NUMBERS]),
    ("DOUBLE", NUMBER, [str(2**53 + 1), "1e400", '"much"', '"1.5"', '"1_000"']),
    ("DOUBLE", NUMBER, [*_NO_NUMBERS, *(f'"{it}"' for it in _NO_NUMBERS)]),
    ("BOOLEAN", FLAG, ['"perhaps"', '"true"', "1", "0", '"t"']),
    # Dates, times and timestamps that DuckDB's casts take, and JSON schema does not.
    ("DATE", DATE, [f'"2024-01-01{it}"' for it in ("T00:00:00+05:00", "T00:00:00", " (BC)")]),
    ("DATE", DATE, [f'"{it}"' for it in ("infinity", "epoch", "2024-1-1", " 2024-01-01")]),
    ("DATE", DATE, [f'"{it}"' for it in ("12024-01-01", "2024/01/01", "20240101", "2026-13-01")]),
    ("TIMESTAMP", TIMESTAMP, ['"yesterday"', '"infinity"', '"-infinity"', '"epoch"']),
    ("TIMESTAMP", TIMESTAMP, ['"2026-02-30T00:00:00Z"', '"2024-01-01T00:00:00 America/New_York"']),
    ("TIMESTAMP", TIMESTAMP, [f'"2024-01-01T{it}"' for it in ("24:00:00Z", "00:00:00+05:00:30")]),
    ("TIMESTAMP", TIMESTAMP, [f'"2024-01-01T{it}"' for it in ("23:59:60Z", "00:00:00Z\\n")]),
    ("TIMESTAMP", TIMESTAMP, ['"2024-01-01T00:00:00-24:00"']),
    ("TIME", TIME, [f'"{it}"' for it in ("25:00:00", "24:00:00", "infinity", "epoch", "10")]),
    ("TIME", TIME, ['"1:00:00"']),
    ("VARCHAR", TEXT, [*_NO_NUMBERS]),
    ("VARCHAR", {}, [*_NO_NUMBERS]),
    ("JSON", OBJECT, [f'{{"a": [{it}]}}' for it in _NO_NUMBERS]),
]


def _line(value: str, rest: str = "") -> str:
    fields = '"type": "RECORD", "stream": "it", "record": {"id": 1, "value": '
    return f"{{{fields}{value}}}{rest}}}"


@pytest.mark.parametrize(("kind", "column", "values"), _KEPT)
def test_a_value_is_kept(loader: Loader, kind: Any, column: str, values: list[Any]) -> None:
    rows = [record("it", {"id": place, "value": value}) for place, value in enumerate(values)]
    loader.load([schema("it", {"id": INTEGER, "value": kind}), *rows])

    found = [row["value"] for row in loader.rows("it")]
    if column == "JSON":
        found = [value if value is None else json.loads(value) for value in found]
    assert found == values
    assert loader.types("it")["value"] == column


@pytest.mark.parametrize(("kind", "moments"), _MOMENTS)
def test_a_moment_is_stored_in_utc(loader: Loader, kind: Any, moments: dict[str, str]) -> None:
    rows = [record("it", {"id": place, "at": text}) for place, text in enumerate(moments)]
    messages = [schema("it", {"id": INTEGER, "at": kind}), *rows]
    loader.load(messages)
    assert [str(row["at"]) for row in loader.rows("it")] == list(moments.values())

    # Whatever the machine's own time zone is.
    run = loader.run_program(messages, env={**os.environ, "TZ": "Asia/Tokyo"})
    assert run.exit_code == 0, run.stderr
    assert [str(row["at"]) for row in loader.rows("it")] == list(moments.values())


@pytest.mark.parametrize(("column", "kind", "values"), _MISFITS)
def test_a_value_that_does_not_fit_is_an_error_and_leaves_the_rows_before_it(
    loader: Loader, column: str, kind: Any, values: list[str]
) -> None:
    head = schema("it", {"id": INTEGER, "n": INTEGER, "value": kind})
    loader.load([head, record("it", {"id": 1, "n": 1})])
    for value in values:
        run = loader.run([head, record("it", {"id": 1, "n": 2}), _line(value), state(1)])

        # A number that is no integer is shown as DuckDB writes it, and what holds NaN as Python.
        shown = "" if "." in value or "[" in value else value
        assert f"it: the column 'value' is {column} and cannot take {shown}" in run.error, value
        assert not run.states
        assert loader.rows("it") == [{"id": 1, "n": 1, "value": None}]


def test_a_number_that_was_rounded_is_an_error_also_behind_a_batch_with_odd_ones(
    tmp_path: Path,
) -> None:
    loader = Loader(tmp_path, batch_size_rows=1)
    rounded = json.dumps(record("it", {"id": 2, "n": "?"})).replace('"?"', f"{2**52 + 1}.25")
    messages = [schema("it", {"id": INTEGER, "n": INTEGER}), record("it", {"id": 1, "n": 1.0})]
    run = loader.run([*messages, rounded])

    assert f"cannot take {2**52 + 1}.25" in run.error
    assert loader.query("SELECT id, n FROM raw.it") == [(1, 1)]


def test_a_version_that_is_no_integer_is_an_error(loader: Loader) -> None:
    for version in ("1.7", '"3"', "true", "{}", "9223372036854775808"):
        line = _line("2", f', "version": {version}')
        error = loader.run([schema("it", {"id": INTEGER}), line]).error
        assert "it: `version` of a record is no integer" in error
        activate = line.replace("RECORD", "ACTIVATE_VERSION")
        run = loader.run([schema("it", {"id": INTEGER}), activate])
        assert run.exit_code == (version != "9223372036854775808")


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
def test_a_key_that_comes_twice_is_an_error_where_it_is_stored(
    tmp_path: Path, rest: str, error: bool
) -> None:
    line = '{"type": "RECORD", "stream": "it", "record": {"id": 1'
    ways: list[dict[str, Any]] = [{}, {"validate_records": True}, {"stream_maps": {"it": {}}}]
    for settings in ways:
        loader = Loader(tmp_path, **settings)
        run = loader.run([schema("it", {"id": INTEGER, "o": {}}), line + rest])
        if error:
            assert "duplicate key" in run.error
        else:
            assert run.exit_code == 0, run.stderr
            kept = '{"a":1,"a":[{"b":1,"b":2}]}' if '"b"' in rest else None
            assert loader.rows("it") == [{"id": 1, "o": kept}]


_IN_WORDS = {
    "a record cannot be read": ['"record": {"id": 1', '"record": {"id": 1}}{}'],
    "RECORD message without 'record'": ['"record": null}', '"no": 1}'],
    "no value for the key 'id'": ['"record": {}}', '"record": {"id": null}}'],
}


@pytest.mark.parametrize(
    ("line", "error"),
    [
        *(
            (f'{{"type": "RECORD", "stream": "it", {rest}', error)
            for error, rests in _IN_WORDS.items()
            for rest in rests
        ),
        ('{"type": "RECORD", "record": {"id": 1}}', "RECORD message without 'stream'"),
        ('{"type": "RECORD", "stream": "no", "record": {"id": 1}}', "'no' has no SCHEMA message"),
        ('{"type": "RECORD", "stream": "\\q", "record": {"id": 1}}', "a line that is not JSON"),
        ('{"type": "RECORD", "stream": "a\tb", "record": {"id": 1}}', "a line that is not JSON"),
        ('{"type": "SCHEMA", "stream": "it"}', "SCHEMA message without 'schema'"),
        ('{"type": "SCHEMA", "stream": "it", "schema": {}}', "its schema has no properties"),
        ('{"type": "STATE"}', "STATE message without 'value'"),
        ('{"type": "NEWS"}', "message of type 'NEWS'"),
        ("{}", "message of type None"),
        ("[]", "a line that is no object"),
        ("nonsense", "a line that is not JSON"),
        ('{"type": "STATE", "value": {"a": 1, "a": 2}}', "duplicate key"),
        ('{"type": "STATE", "value": {}, "value": {}}', "duplicate key"),
        (
            '{"type": "SCHEMA", "stream": "it", "schema": {"properties": {"a": {}, "a": {}}}}',
            "duplicate key",
        ),
        ('{"type": "ACTIVATE_VERSION", "stream": "it", "version": 1, "version": 2}', "duplicate"),
    ],
)
def test_a_line_that_cannot_be_read_is_an_error(loader: Loader, line: str, error: str) -> None:
    declared = schema("it", {"id": INTEGER, "o": OBJECT})
    run = loader.run([declared, record("it", {"id": 0}), state(1), line])

    assert error in run.error
    assert not run.states


def test_a_value_of_any_depth_is_kept_or_refused(loader: Loader) -> None:
    deep = "[" * 10**5 + "]" * 10**5
    # How deep Python reads, on the long way, depends on its version.
    run = loader.run_one_way([schema("it", {"id": INTEGER, "value": OBJECT}), _line(deep)])

    if run.exit_code:
        assert "depth" in run.error
    else:
        assert loader.query("SELECT CAST(value AS VARCHAR) FROM raw.it") == [(deep,)]
