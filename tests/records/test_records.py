"""A record has every field of its schema and loses nothing of the row, however it is read."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tap_dagctl import schemas, streams, timestamps
from tap_dagctl.api.decoding import decode_json
from tap_dagctl.records.builder import RecordBuilder
from tap_dagctl.records.fast_path import RowReader
from tap_dagctl.records.record import as_dict
from tap_dagctl.schemas import ADDITIONAL_PROPERTIES
from tests.support.made_up_rows import FIELDS, TEXT, TIMES, VALUES

if TYPE_CHECKING:
    from tap_dagctl.records.record import Record
    from tests.support.syncs import Json

SCHEMAS = {stream.name: stream.schema for stream in streams.STREAMS}
STREAMS = st.sampled_from(sorted(SCHEMAS))


@st.composite
def rows(draw: st.DrawFn) -> tuple[str, Json]:
    stream = draw(STREAMS)
    known = st.sampled_from(sorted(SCHEMAS[stream]["properties"]))
    row = draw(st.dictionaries(known | st.text(), VALUES | TIMES, max_size=12))
    row.pop(ADDITIONAL_PROPERTIES, None)
    return stream, row


@given(rows())
def test_nothing_of_a_row_is_lost_and_every_field_is_there(
    stream_and_row: tuple[str, Json],
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


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**63 - 1])
def test_an_integer_of_more_than_64_bits_is_kept_beside_the_fields(number: int) -> None:
    record = RecordBuilder("daily_stats", schemas.DAILY_STATS).record({"total_runs": number}, {})
    kept = {"total_runs": number} if number != 2**63 - 1 else None

    assert (record["total_runs"] is None, record[ADDITIONAL_PROPERTIES]) == (bool(kept), kept)


CONTEXT = {"project_id": "proj_a"}
READ_TIMES = st.sampled_from(["2026-03-02T05:00:00.5Z", "2026-03-02T05:00:00.123456789Z"])
FITTING: dict[str, st.SearchStrategy[Any]] = {
    "job_name": TEXT | st.none(),
    "duration_seconds": st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    "start_time": READ_TIMES | st.none(),
    "project_id": TEXT,
}
ROWS = st.fixed_dictionaries({"updated_at": READ_TIMES}, optional=FITTING) | st.builds(
    lambda known, unknown, time: {**unknown, **known, "updated_at": time},
    st.fixed_dictionaries({}, optional=FIELDS),
    st.dictionaries(TEXT, VALUES, max_size=2),
    READ_TIMES,
)
# No page it stands in can be read at once.
ODD = {"id": "odd", "updated_at": "2026-03-02T05:00:00Z", "queue": "q"}


READER = RowReader("runs", schemas.RUNS, RecordBuilder("runs", schemas.RUNS).record)


def records_of(page: list[Json]) -> list[Record]:
    """Return what is made of a page as it comes over the wire."""
    body: Any = READER.decode(json.dumps({"runs": page, "total": len(page)}).encode())
    return [record for _, _, record in READER.read(body["runs"], CONTEXT)]


@given(st.lists(ROWS, min_size=1, max_size=3))
def test_a_record_does_not_depend_on_how_it_was_made(rows: list[Json]) -> None:
    page = [{**row, "id": f"run_{number}"} for number, row in enumerate(rows)]
    builder = RecordBuilder("runs", schemas.RUNS)
    expected = [
        builder.record(row, CONTEXT)
        for row in decode_json(json.dumps(page).encode())  # type: ignore[attr-defined]  # a list
    ]
    records, beside_an_odd_one = records_of(page), records_of([*page, ODD])[:-1]

    # As text: 1 and 1.0 are equal, and not the same.
    assert json.dumps(list(map(as_dict, records)), sort_keys=True) == json.dumps(
        expected, sort_keys=True
    )
    assert records == beside_an_odd_one


def test_what_fits_is_a_struct_and_an_unheard_of_field_is_kept() -> None:
    fitting = {"id": "run", "updated_at": "2026-03-02T05:00:00Z", "pod_name": None}
    (alone,) = records_of([fitting])
    (beside, odd) = records_of([fitting, ODD])

    assert alone == beside
    assert not isinstance(alone, dict)
    assert as_dict(odd)["additional_properties"] == {"queue": "q"}


@pytest.mark.parametrize("rows", [[], [{"id": "run", "updated_at": "2026-03-02T05:00:00.5Z"}]])
def test_a_body_has_what_the_tap_looks_at(rows: list[Json]) -> None:
    body = {"runs": rows, "total": 1, "page": "1", "limit": 2.5, "stats": {}, "total_pages": None}
    decoded_body: Any = READER.decode(json.dumps(body).encode())

    assert {**decoded_body, "runs": len(decoded_body["runs"])} == {
        "runs": len(rows),
        "total": 1,
        "page": "1",
        "limit": 2.5,
        "total_pages": None,
    }
