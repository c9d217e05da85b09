"""What cannot be loaded: one line says why, nothing of it is stored, and no state speaks of it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import Loader, record, schema, state
from tests.support.types import DATE, FLAG, INTEGER, NUMBER, OBJECT, TEXT, TIME, TIMESTAMP

_EITHER = {"type": ["integer", "string"]}
_NO_NUMBERS = ["NaN", "Infinity", "-Infinity"]
# By column: what it cannot take, as JSON.
_MISFITS: list[tuple[str, Any, list[str]]] = [
    # DuckDB's JSON reader has rounded the third, and what it was is not known any more.
    ("BIGINT", INTEGER, ["1.5", str(2**127), str(2.0**53), "12345678901234567890.5", "true"]),
    ("BIGINT", INTEGER, ['"many"', '"16"', '"0x10"', '"1_000"', '" 5"', '"1e2"', *_NO_NUMBERS]),
    ("DOUBLE", NUMBER, [str(2**53 + 1), "1e400", '"1.5"', '"1_000"', '"NaN"', *_NO_NUMBERS]),
    ("BOOLEAN", FLAG, ['"perhaps"', '"true"', "1", "0", '"t"']),
    # Dates, times and timestamps that DuckDB's casts take, and JSON schema does not.
    ("DATE", DATE, ['"2024-01-01T00:00:00+05:00"', '"2024-01-01T00:00:00"', '"2024-01-01 (BC)"']),
    ("DATE", DATE, ['"infinity"', '"epoch"', '"2024-1-1"', '"12024-01-01"', '"2024/01/01"']),
    ("TIMESTAMP", TIMESTAMP, ['"yesterday"', '"infinity"', '"epoch"', '"2026-02-30T00:00:00Z"']),
    ("TIMESTAMP", TIMESTAMP, ['"2024-01-01T00:00:00 America/New_York"', '"2024-01-01T24:00:00Z"']),
    ("TIMESTAMP", TIMESTAMP, ['"2024-01-01T00:00:00+05:00:30"', '"2024-01-01T00:00:00-24:00"']),
    ("TIME", TIME, ['"25:00:00"', '"24:00:00"', '"epoch"', '"10"', '"1:00:00"']),
    ("VARCHAR", TEXT, _NO_NUMBERS),
    ("VARCHAR", {}, _NO_NUMBERS),
    ("JSON", OBJECT, ['{"a": [NaN]}', '{"a": [Infinity]}']),
]
_KEY_MISFITS: list[tuple[Any, list[str]]] = [
    (TIMESTAMP, ['"2026-01-01T00:00:00.1234567Z"', '"2026-01-01T00:00:00.0000001+02:00"']),
    (TIME, ['"10:00:00.1234567"']),
    (NUMBER, ["0.1234567890123456789", "1e-400", "9007199254740993", '"1"']),
    (INTEGER, ["1.0000000000000000001", '"0x10"', '"16"', "true"]),
    (DATE, ['"2026-01-01T00:00:00Z"']),
    (TEXT, ["1.5", "NaN", '{"a": 1}']),
    (OBJECT, ['{"a": [0.1234567890123456789]}']),
]
_BOTH = "it: the key 'id' is a text in one record and a number in another"
_IT = '"stream": "it", "record"'
_LINES = [
    (f'"RECORD", {_IT}: {{"id": 1', "a record cannot be read"),
    (f'"RECORD", {_IT}: {{"id": 1}}}}{{}}', "a record cannot be read"),
    (f'"RECORD", {_IT}: null}}', "RECORD message without 'record'"),
    ('"RECORD", "stream": "it", "no": 1}', "RECORD message without 'record'"),
    (f'"RECORD", {_IT}: {{}}}}', "no value for the key 'id'"),
    (f'"RECORD", {_IT}: {{"id": null}}}}', "no value for the key 'id'"),
    ('"RECORD", "record": {"id": 1}}', "RECORD message without 'stream'"),
    ('"RECORD", "stream": "no", "record": {"id": 1}}', "'no' has no SCHEMA message"),
    ('"RECORD", "stream": "\\q", "record": {"id": 1}}', "a line that is not JSON"),
    (f'"RECORD", {_IT}: {{"id": 1}}, "version": 1.7}}', "it: `version` of a record is no integer"),
    (f'"RECORD", {_IT}: {{"id": 1}}, "version": "3"}}', "it: `version` of a record is no integer"),
    (f'"RECORD", {_IT}: {{"id": 1, "id": 1}}}}', "duplicate key"),
    (f'"RECORD", {_IT}: {{"id": 1}}, "record": {{"id": 2}}}}', "duplicate key"),
    (f'"RECORD", {_IT}: {{"id": 1}}, "type": "STATE"}}', "duplicate key"),
    (f'"RECORD", {_IT}: {{"id": 1}}, "stream": "it"}}', "duplicate key"),
    (f'"RECORD", {_IT}: {{"id": 1}}, "version": 1, "version": 1}}', "duplicate key"),
    ('"ACTIVATE_VERSION", "stream": "it", "version": true}', "message without 'version'"),
    (
        '"BATCH", "stream": "it", "encoding": {"format": "jsonl"}, "manifest": [null]}',
        "The BATCH file None cannot be read",
    ),
    ('"SCHEMA", "stream": "it"}', "SCHEMA message without 'schema'"),
    ('"SCHEMA", "stream": "it", "schema": {}}', "its schema has no properties"),
    ('"STATE"}', "STATE message without 'value'"),
    ('"STATE", "value": {"a": 1, "a": 2}}', "duplicate key"),
    ('"NEWS"}', "message of type 'NEWS'"),
    ("[]", "a line that is no object"),
    ("nonsense", "a line that is not JSON"),
]
_SDC = "the property '_SDC_DELETED_AT' and the loader's own column '_sdc_deleted_at'"
_SCHEMAS: list[tuple[list[Any], str]] = [
    ([schema("it", {"id": INTEGER}, ["no"])], "the key 'no' is no property"),
    ([schema("it", {}, [])], "its schema has no properties"),
    ([schema("it", {"id": {}, "ID": {}})], "it: the properties 'id' and 'ID' differ only in case"),
    ([schema("it", {"id": {}}), schema("It", {"id": {}})], "The streams 'it' and 'It' differ only"),
    ([schema("it", {"id": INTEGER, "_SDC_DELETED_AT": TEXT})], f"{_SDC} differ only in case"),
    ([schema("it", {"id": {}, "_sdc_Table_Version": {}})], "'_sdc_table_version' differ only in"),
    ([schema("", {"id": INTEGER})], "rename it"),
    ([schema("it", {"id": INTEGER, "a\0b": TEXT})], "rename it"),
    ([schema("it", {"id": INTEGER, "\ud800": TEXT})], "rename it"),
    *(
        ([{**schema("it", {"id": INTEGER}), "key_properties": keys}], "are no list of names")
        for keys in (1, "id", [["id"]], {"id": 1}, ["id", 1])
    ),
]


def _line(value: str, name: str = "id") -> str:
    return f'{{"type": "RECORD", "stream": "it", "record": {{"id": 1, "{name}": {value}}}}}'


def _key(key: str) -> str:
    return f'{{"type": "RECORD", "stream": "it", "record": {{"id": {key}}}}}'


def _cases() -> Iterator[tuple[list[Any], str]]:
    """Yield messages, and why they are refused."""
    for column, kind, values in _MISFITS:
        for value in values:
            # A number that is no integer is shown as DuckDB writes it, what holds NaN as Python.
            shown = "" if "." in value or "[" in value else value
            head = schema("it", {"id": INTEGER, "value": kind})
            error = f"it: the column 'value' is {column} and cannot take {shown}"
            yield [head, record("it", {"id": 0}), _line(value, "value")], error
    for kind, keys in _KEY_MISFITS:
        yield from (([schema("it", {"id": kind}), _key(key)], " as a key: ") for key in keys)
    for kind in (TEXT, _EITHER):
        for keys in (["1", '"1"'], ['"true"', "true"], ['"-0"', "5"]):
            yield [schema("it", {"id": kind}), *map(_key, keys)], _BOTH
    for line, error in _LINES:
        head = schema("it", {"id": INTEGER, "o": OBJECT})
        text = f'{{"type": {line}' if line.startswith('"') else line
        yield [head, record("it", {"id": 0}), state(0), text], error
    yield from _SCHEMAS


@pytest.mark.parametrize("case", list(_cases()))
def test_one_line_says_why(loader: Loader, case: tuple[list[Any], str]) -> None:
    messages, error = case
    run = loader.run([*messages, state(1)])

    assert error in run.error
    assert not run.states
    assert not any(rows for _, rows in loader.contents().values())


def test_a_key_is_a_text_or_a_number_also_where_the_schema_has_changed(loader: Loader) -> None:
    changed = schema("it", {"id": TEXT, "new": TEXT})

    assert _BOTH in loader.run([schema("it", {"id": TEXT}), _key("1"), changed, _key('"1"')]).error
    assert loader.rows("it") == [{"id": "1", "new": None}]


def test_a_value_that_does_not_fit_leaves_the_rows_before_it(loader: Loader) -> None:
    head = schema("it", {"id": INTEGER, "n": INTEGER})
    loader.load([head, record("it", {"id": 1, "n": 1})])
    run = loader.run([head, record("it", {"id": 1, "n": 2}), _line('"x"', "n"), state(1)])

    assert "cannot take" in run.error
    assert loader.rows("it") == [{"id": 1, "n": 1}]


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


def test_a_column_whose_type_is_not_the_loaders_is_an_error(loader: Loader) -> None:
    loader.execute("CREATE SCHEMA raw; CREATE TABLE raw.it (id BIGINT, n DECIMAL(9, 2))")
    run = loader.run([schema("it", {"id": INTEGER, "n": NUMBER})])

    assert "it: the column 'n' is DECIMAL(9,2), not DOUBLE" in run.error


def test_a_number_that_was_rounded_is_an_error_also_behind_a_batch_with_odd_ones(
    tmp_path: Path,
) -> None:
    loader = Loader(tmp_path, batch_size_rows=1)
    messages = [schema("it", {"id": INTEGER, "n": INTEGER}, []), record("it", {"id": 1, "n": 1.0})]

    assert (
        f"cannot take {2**52 + 1}.25"
        in loader.run([*messages, _line(f"{2**52 + 1}.25", "n")]).error
    )
    assert loader.rows("it") == [{"id": 1, "n": 1}]


# On the short way; where a value is looked at again; on the long way.
@pytest.mark.parametrize(
    "begin", ['{"type": "RECORD", "stream": "it"', '{"stream": "it", "type": "RECORD"']
)
@pytest.mark.parametrize("key", ["1", "1.0"])
def test_a_value_of_any_depth_is_kept_or_refused(loader: Loader, begin: str, key: str) -> None:
    deep = "[" * 10**5 + "]" * 10**5
    line = f'{begin}, "record": {{"id": {key}, "o": {deep}}}}}'
    # How deep Python reads depends on its version.
    run = loader.run_one_way([schema("it", {"id": INTEGER, "o": OBJECT}), line])

    if run.exit_code:
        assert "depth" in run.error
    else:
        assert loader.query("SELECT CAST(o AS VARCHAR) FROM raw.it") == [(deep,)]


def test_a_record_does_not_replace_several_rows(loader: Loader) -> None:
    """As it could where the keys are others than before."""
    properties = {"id": INTEGER, "day": INTEGER}
    both = [{"id": 1, "day": day} for day in (1, 2)]
    loader.load([schema("it", properties, ["id", "day"]), *(record("it", it) for it in both)])
    run = loader.run([schema("it", properties), record("it", {"id": 1, "day": 3})])

    assert "it: the table has several rows with the same ['id']" in run.error
    assert loader.rows("it") == both


@pytest.mark.parametrize(
    ("encoding", "content", "error"),
    [
        ("parquet", b"", "BATCH files are read as jsonl only"),
        ("jsonl", None, "cannot be read"),
        ("jsonl", gzip.compress(b'{"id": 1}\n' * 1000, mtime=0)[:-20], "cannot be read"),
        ("jsonl", b'{"id": 1}\n{"id": \n', "a record cannot be read"),
    ],
    ids=["format", "missing", "cut off", "no JSON"],
)
def test_a_batch_file_that_cannot_be_read_is_an_error(
    loader: Loader, encoding: str, content: bytes | None, error: str
) -> None:
    file = loader.directory / "batch"
    if content is not None:
        file.write_bytes(content)
    files = {"encoding": {"format": encoding}, "manifest": [file.as_uri()]}
    batch = {"type": "BATCH", "stream": "it", **files}
    run = loader.run([schema("it", {"id": INTEGER}), batch, state(1)])

    assert error in run.error
    assert not run.states


def test_validation_refuses_what_a_column_would_take(tmp_path: Path) -> None:
    declared = schema("it", {"id": INTEGER, "text": {"type": "string", "maxLength": 3}})
    messages = [declared, record("it", {"id": 1, "text": "long"})]
    Loader(tmp_path).load(messages)
    run = Loader(tmp_path, validate_records=True).run(messages)

    assert run.error == "it: 'long' is too long"
