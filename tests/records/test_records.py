"""A record has every field of its schema, and loses nothing of the row."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tap_dagctl import schemas, streams, timestamps
from tap_dagctl.records.builder import RecordBuilder
from tap_dagctl.schemas import ADDITIONAL_PROPERTIES

SCHEMAS = {stream.name: stream.schema for stream in streams.STREAMS}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.just("2026-02-26T06:00:00.5+02:00"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
STREAMS = st.sampled_from(sorted(SCHEMAS))


@st.composite
def rows(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    stream = draw(STREAMS)
    known = st.sampled_from(sorted(SCHEMAS[stream]["properties"]))
    row = draw(st.dictionaries(known | st.text(), VALUES, max_size=12))
    row.pop(ADDITIONAL_PROPERTIES, None)
    return stream, row


@given(rows())
def test_nothing_of_a_row_is_lost_and_every_field_is_there(
    stream_and_row: tuple[str, dict[str, Any]],
) -> None:
    stream, row = stream_and_row
    schema = SCHEMAS[stream]
    before = dict(row)
    (record,) = RecordBuilder(stream, schema).build([row], {})

    assert row == before
    assert list(record) == list(schema["properties"])
    additional = record[ADDITIONAL_PROPERTIES] or {}
    for name, value in row.items():
        if name in additional:
            assert additional[name] == value
        elif schema["properties"][name].get("format") == "date-time" and value is not None:
            assert record[name] == timestamps.to_fixed_width(value)
        else:
            assert record[name] == value
    assert additional.keys() <= row.keys()
    assert record[ADDITIONAL_PROPERTIES] is None or additional
    keys = {name for name in record if name in schema.get("required", ())}
    nullable = {name: value for name, value in record.items() if name not in keys or value}
    Draft202012Validator({**schema, "required": []}).validate(nullable)


@pytest.mark.parametrize("stream", SCHEMAS)
def test_a_field_that_was_left_out_is_null(stream: str) -> None:
    (record,) = RecordBuilder(stream, SCHEMAS[stream]).build([{}], {})

    assert record == dict.fromkeys(SCHEMAS[stream]["properties"])


def test_unknown_and_unfitting_fields_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    builder = RecordBuilder("runs", schemas.RUNS)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            row = {"id": "run", "queue": 1, "duration_seconds": "12s"}
            (record,) = builder.build([row], {})

    assert record[ADDITIONAL_PROPERTIES] == {"queue": 1, "duration_seconds": "12s"}
    assert record["duration_seconds"] is None
    assert [message.split(";")[0] for *_, message in caplog.record_tuples] == [
        "runs: field 'queue' is not in the schema",
        "runs: field 'duration_seconds' has a value that is not a number",
    ]


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**53, 2**60, 0.1, 1e300])
def test_a_number_that_a_double_cannot_hold_is_kept_beside_the_fields(number: float) -> None:
    """A loader whose numbers are doubles would round it or refuse it."""
    record = RecordBuilder("runs", schemas.RUNS).record({"duration_seconds": number}, {})
    own, beside = record["duration_seconds"], record[ADDITIONAL_PROPERTIES]

    if float(number) == number:
        assert (json.dumps(own), beside) == (json.dumps(number), None)
    else:
        assert (own, beside) == (None, {"duration_seconds": number})
