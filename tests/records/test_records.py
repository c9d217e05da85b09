"""A record has every field of its schema and loses nothing of the row, however it is read."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_dagctl import schemas, streams
from tap_dagctl.api.decoding import decode_json
from tap_dagctl.records.builder import RecordBuilder
from tap_dagctl.records.fast_path import RowReader
from tap_dagctl.records.record import Record, as_dict
from tap_dagctl.schemas import ADDITIONAL_PROPERTIES
from tests.support.made_up_rows import ANY_JSON, FIELDS, TEXT, VALUES

SCHEMAS = {stream.name: stream.schema for stream in streams.STREAMS}


def test_unknown_and_unfitting_fields_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    builder = RecordBuilder("runs", schemas.RUNS)
    with caplog.at_level(logging.WARNING):
        builder.build([{"queue": 1, "duration_seconds": "12s"}] * 2, {})
        # A server could send a new name in each row.
        builder.build([{f"{number}\n" + "x" * 5_000: 1} for number in range(300)], {})

    messages = [message for *_, message in caplog.record_tuples]
    assert len(messages) == 100
    assert max(map(len, messages)) < 1_000
    assert [message.split(";")[0] for message in messages[:2]] == [
        "runs: field 'queue' is not in the schema",
        "runs: field 'duration_seconds' has a value that is not a number",
    ]


DOUBLE, INTEGER = ("runs", "duration_seconds"), ("daily_stats", "total_runs")


@pytest.mark.parametrize(
    ("field", "number", "is_kept_beside"),
    [
        # A loader whose numbers are doubles would round it or refuse it.
        *((DOUBLE, number, True) for number in (2**53 + 1, -(2**53) - 1, 2**63 - 1)),
        *((DOUBLE, number, False) for number in (2**53, 2**60, 0.1, 1e300)),
        # More than 64 bits.
        *((INTEGER, number, True) for number in (2**63, -(2**63) - 1)),
        (INTEGER, 2**63 - 1, False),
    ],
)
def test_a_number_that_a_loader_could_not_hold_is_kept_beside_the_fields(
    field: tuple[str, str], number: float, *, is_kept_beside: bool
) -> None:
    stream, name = field
    record = RecordBuilder(stream, SCHEMAS[stream]).record({name: number}, {})
    own, beside = record[name], record[ADDITIONAL_PROPERTIES]

    if is_kept_beside:
        assert (own, beside) == (None, {name: number})
    else:
        assert (json.dumps(own), beside) == (json.dumps(number), None)


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
ODD = '{"id": "odd", "updated_at": "2026-03-02T05:00:00Z", "queue": "q"}'


READERS = {
    name: RowReader(name, SCHEMAS[name], RecordBuilder(name, SCHEMAS[name]).record)
    for name in ("runs", "plans")
}
# The fields of a row, each as it is written.
WRITTEN = ROWS.map(lambda row: {name: json.dumps(value) for name, value in row.items()}) | (
    st.dictionaries(
        st.sampled_from([*FIELDS, "plan_output", "commits_behind", "queue"]),
        ANY_JSON | ANY_JSON.map(lambda text: f'{{"a": {text}}}'),
        max_size=3,
    )
)


def read(name: str, rows: list[str], total: str = "1") -> tuple[list[Record], object]:
    """Return what is made of a page as it comes over the wire, and its count."""
    page = f'{{"{name}": [{", ".join(rows)}], "total": {total}}}'
    body: Any = READERS[name].decode(page.encode("utf-8", "surrogatepass"))
    return [record for _, _, record in READERS[name].read(body[name], CONTEXT)], body["total"]


@given(st.sampled_from([*READERS]), st.lists(WRITTEN, min_size=1, max_size=3), ANY_JSON)
# More than 64 bits, where nothing else is odd.
@example("plans", [{"plan_output": f'{{"a": {2**64}}}'}], "1")
@example("plans", [{}], f"{2**64}")
def test_a_record_does_not_depend_on_how_it_was_made(
    name: str, rows: list[dict[str, str]], total: str
) -> None:
    page = [
        {"id": f'"row_{number}"', "updated_at": '"2026-03-02T05:00:00Z"', **row}
        for number, row in enumerate(rows)
    ]
    fields = [[f"{json.dumps(field)}: {text}" for field, text in row.items()] for row in page]
    texts = ["{" + ", ".join(it) + "}" for it in fields]
    records, counted = read(name, texts, total)
    beside_an_odd_one, _ = read(name, [*texts, ODD])
    builder = RecordBuilder(name, SCHEMAS[name])
    alone: Any = [decode_json(text.encode("utf-8", "surrogatepass")) for text in texts]
    expected = builder.build(alone, CONTEXT)

    # As text: 1 and 1.0 are equal, and not the same.
    assert json.dumps(list(map(as_dict, records)), sort_keys=True) == json.dumps(
        expected, sort_keys=True
    )
    assert records == beside_an_odd_one[:-1]
    assert json.dumps(counted) == json.dumps(decode_json(total.encode("utf-8", "surrogatepass")))


def test_a_page_that_fits_is_read_at_once() -> None:
    fitting = '{"id": "run", "updated_at": "2026-03-02T05:00:00Z", "pod_name": null}'
    ((alone,), _), ((beside, odd), _) = read("runs", [fitting]), read("runs", [fitting, ODD])

    assert alone == beside
    assert not isinstance(alone, dict)
    assert as_dict(odd)[ADDITIONAL_PROPERTIES] == {"queue": "q"}


def test_a_body_keeps_its_counts() -> None:
    counts = {"total": 1, "page": "1", "limit": 2.5, "total_pages": None}
    rows = [{"id": "run", "updated_at": "2026-03-02T05:00:00.5Z"}]
    body: Any = READERS["runs"].decode(json.dumps({"runs": rows, "stats": {}, **counts}).encode())
    assert len(body.pop("runs")) == 1
    assert body == counts
