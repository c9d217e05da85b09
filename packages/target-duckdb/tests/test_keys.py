"""Keys: two that differ never become one row, and what cannot be told apart is refused."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from datetime import datetime, timezone
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.program import Loader, record, schema
from tests.support.types import DATE, FLAG, INTEGER, NUMBER, OBJECT, TEXT, TIME, TIMESTAMP

_EITHER = {"type": ["integer", "string"]}
_REFUSED = [
    (TIMESTAMP, ['"2026-01-01T00:00:00.1234567Z"', '"2026-01-01T00:00:00.0000001+02:00"']),
    (TIME, ['"10:00:00.1234567"']),
    (NUMBER, ["0.1234567890123456789", "1e-400", "9007199254740993", '"1"']),
    (INTEGER, ["1.0000000000000000001", '"0x10"', '"1_6"', '"16"', "true"]),
    (FLAG, ['"true"', "1"]),
    (DATE, ['"2026-01-01T00:00:00Z"']),
    (TEXT, ["1.5", "NaN", '{"a": 1}']),
    (OBJECT, ['{"a": [0.1234567890123456789]}']),
]


def _line(key: str) -> str:
    return '{"type": "RECORD", "stream": "it", "record": {"id": ' + key + "}}"


@pytest.mark.parametrize(("kind", "keys"), _REFUSED)
def test_a_key_that_its_column_cannot_hold_exactly_is_an_error(
    loader: Loader, kind: Any, keys: list[str]
) -> None:
    for key in keys:
        run = loader.run([schema("it", {"id": kind}), _line(key)])

        assert "it: the column 'id' is " in run.error
        assert " as a key: " in run.error
        assert loader.rows("it") == []


@pytest.mark.parametrize(
    ("kind", "keys", "rows"),
    [
        (INTEGER, ["1", "1.0", "1e0"], [1]),
        (NUMBER, ["1", "1.0", "0.1", "1e-1", "1e300"], [1.0, 0.1, 1e300]),
        (TIME, ['"10:00:00Z"', '"12:00:00+02:00"'], ["10:00:00"]),
        (TIMESTAMP, ['"2026-01-01T00:00:00.1234560Z"'], ["2026-01-01 00:00:00.123456"]),
        (TEXT, ['"a\\u0000b"', '"\\u00e9"', '"é"', '""', '"\\""'], ["a\0b", "é", "", '"']),
        (TEXT, ["1", "true"], ["1", "true"]),
        (_EITHER, ["1", '"a"'], ["1", "a"]),
        (_EITHER, ['"1"', '"a"'], ["1", "a"]),
        (OBJECT, ['{"a":1}', '{"a": 1}', '{"a": 0.5}'], ['{"a":1}', '{"a":0.5}']),
    ],
)
def test_equal_keys_are_one_row(loader: Loader, kind: Any, keys: list[str], rows: Any) -> None:
    loader.load([schema("it", {"id": kind}), *map(_line, keys)])

    found = [row["id"] for row in loader.rows("it")]
    assert [it if isinstance(it, int | float) else str(it) for it in found] == rows


@pytest.mark.parametrize("kind", [TEXT, _EITHER])
@pytest.mark.parametrize("size", [1, 1000])
def test_a_key_that_is_a_text_and_a_number_is_an_error(
    tmp_path: Path, kind: Any, size: int
) -> None:
    loader = Loader(tmp_path, batch_size_rows=size)
    # It is known when the schema changes, too.
    changed = schema("it", {"id": kind, "new": TEXT})
    for messages in (("1", '"1"'), ('"true"', "true"), ('"-0"', "5"), ("1", changed, '"1"')):
        keys = [it if isinstance(it, dict) else _line(it) for it in messages]
        run = loader.run([schema("it", {"id": kind}), *keys])
        assert "it: the key 'id' is a text in one record and a number in another" in run.error


def test_a_record_does_not_replace_several_rows(loader: Loader) -> None:
    """As it could where the keys are others than before."""
    properties = {"id": INTEGER, "day": INTEGER}
    both = [{"id": 1, "day": day} for day in (1, 2)]
    loader.load([schema("it", properties, ["id", "day"]), *(record("it", it) for it in both)])
    run = loader.run([schema("it", properties), record("it", {"id": 1, "day": 3})])
    assert "it: the table has several rows with the same ['id']" in run.error
    assert loader.rows("it") == both

    loader.load([schema("it", properties), record("it", {"id": 2, "day": 1})])
    # More keys than before replace no other row.
    loader.load([schema("it", properties, ["id", "day"]), record("it", {"id": 2, "day": 2})])
    assert loader.rows("it") == [*both, {"id": 2, "day": 1}, {"id": 2, "day": 2}]


@pytest.mark.parametrize("name", ["rowid", "ROWID"])
def test_a_property_may_have_the_name_of_duckdbs_own_column(loader: Loader, name: str) -> None:
    """By which the rows that a record replaces are found, otherwise."""
    head = schema("it", {"id": INTEGER, name: INTEGER})
    loader.load([head, *(record("it", {"id": row, name: 7}) for row in (1, 1, 2))])
    loader.load([head, record("it", {"id": 1, name: 8})])

    rows = sorted(loader.rows("it"), key=itemgetter("id"))
    assert rows == [{"id": 1, name: 8}, {"id": 2, name: 7}]


_KEYS: dict[str, tuple[Any, st.SearchStrategy[str]]] = {
    "integer": (INTEGER, st.sampled_from(["1", "1.0", "1e0", "16", '"16"', '"0x10"', "true"])),
    "number": (NUMBER, st.floats(0, 1).map(repr) | st.decimals(0, 1, places=17).map(str)),
    "text": (TEXT, st.sampled_from(["1", '"1"', "true", '"true"', '"a"', "2", '"2"', "1.5"])),
    "either": (_EITHER, st.sampled_from(["1", '"1"', "01", '"01"', '"x"', "NaN"])),
    "moment": (
        TIMESTAMP,
        st.builds(
            '"2026-01-01T{:02}:00:00.{}{}"'.format,
            st.integers(0, 3),
            st.sampled_from(["0", "000001", "0000010", "0000011", "0000019"]),
            st.sampled_from(["Z", "+01:00", "-01:00", ""]),
        ),
    ),
    "object": (OBJECT, st.sampled_from(['{"a":1}', '{"a": 1}', '{"a":2}', '{"a":1.0}'])),
}


@given(data=st.data(), kind=st.sampled_from(sorted(_KEYS)), size=st.sampled_from([1, 2, 1000]))
def test_as_many_rows_as_keys_or_an_error(data: Any, kind: str, size: int) -> None:
    """In one sync or in two; of an error it is only asked that it loses nothing."""
    declared, strategy = _KEYS[kind]
    keys = data.draw(st.lists(strategy, min_size=1, max_size=6))
    # From one sync to the next, a tap may begin to write a number as text: the key stays the same.
    place = 0 if kind in {"text", "either"} else data.draw(st.integers(0, len(keys)))
    messages = [
        f'{{"type": "RECORD", "stream": "it", "record": {{"id": {key}, "n": {n}}}}}'
        for n, key in enumerate(keys)
    ]
    head = schema("it", {"id": declared, "n": INTEGER})
    with tempfile.TemporaryDirectory() as directory:
        loader = Loader(Path(directory), batch_size_rows=size)
        runs = [loader.run([head, *some]) for some in (messages[:place], messages[place:])]
        if not any(run.exit_code for run in runs):
            newest = {_same(key, kind): n for n, key in enumerate(keys)}
            assert {row["n"] for row in loader.rows("it")} == set(newest.values())


def _same(key: str, kind: str) -> Any:
    """What is equal for keys that are the same."""
    if kind == "moment":
        moment, fraction = json.loads(key)[:19], json.loads(key)[20:]
        digits = fraction.rstrip("Z").split("+")[0].split("-")[0]
        offset = fraction[len(digits) :].replace("Z", "") or "+00:00"
        at = datetime.fromisoformat(moment + offset).astimezone(timezone.utc)
        return at, digits.rstrip("0")
    value: Any = key
    with suppress(ValueError):
        value = json.loads(key)
    if kind == "object":
        return json.dumps(value)
    return (value, isinstance(value, str), isinstance(value, bool))
