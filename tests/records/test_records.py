"""A record fits its schema, whatever the catalog, and loses nothing of the row it is made of."""

from __future__ import annotations

import json
import logging
import operator
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from singer_sdk.singerlib.encoding.simple import Message, SchemaMessage
from typing_extensions import override

from tap_dagctl import schemas, streams, timestamps
from tap_dagctl.api.decoding import decode_json
from tap_dagctl.errors import ConfigurationError
from tap_dagctl.records.builder import RecordBuilder
from tap_dagctl.records.fast_path import RowReader
from tap_dagctl.records.record import Record, as_dict
from tap_dagctl.schemas import ADDITIONAL_PROPERTIES
from tap_dagctl.summary import Part
from tap_dagctl.tap import TapDagctl
from tests.support import troubleshooting
from tests.support.catalogs import deselect
from tests.support.in_process import Collector
from tests.support.made_up_rows import ANY_JSON, FIELDS, TEXT, TIMES, VALUES
from tests.support.syncs import Json, handlers_kept

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


def test_rows_with_an_empty_id_do_not_overwrite_each_other() -> None:
    with pytest.raises(ValueError, match="a row has no usable id"):
        read("runs", ['{"id": "", "updated_at": "2026-03-02T05:00:00Z"}'])


def test_a_body_keeps_its_counts() -> None:
    counts = {"total": 1, "page": "1", "limit": 2.5, "total_pages": None}
    rows = [{"id": "run", "updated_at": "2026-03-02T05:00:00.5Z"}]
    body: Any = READERS["runs"].decode(json.dumps({"runs": rows, "stats": {}, **counts}).encode())
    assert len(body.pop("runs")) == 1
    assert body == counts


CONFIG = {"api_token": "dctl_made_up", "organization_id": "org"}
STREAMS = ("runs", "jobs", "plans", "daily_stats")
ADDED = ("queue", "retries", "owner")
with handlers_kept():
    CATALOG = json.loads(TapDagctl(config=CONFIG).catalog_json_text)
ENTRIES = {entry["tap_stream_id"]: entry for entry in CATALOG["streams"]}

KINDS = st.sampled_from(["string", "integer", "number", "boolean", "object", "array", "null"])
BOUNDS = st.fixed_dictionaries(
    {},
    optional={
        "maxLength": st.integers(0, 9),
        "minimum": st.integers(-9, 9),
        "enum": st.lists(st.none() | TEXT | st.integers(), min_size=1, unique=True),
        "description": st.just("What somebody wrote."),
        "format": st.sampled_from(["date-time", "date", "uuid"]),
        "properties": st.dictionaries(TEXT, st.builds(lambda it: {"type": it}, KINDS), max_size=2),
        "additionalProperties": st.booleans(),
        "anyOf": st.just([{"type": "string"}, {"type": "number"}]),
    },
)
# Mostly what can be had, so that not every catalog is refused.
MADE_UP = (
    st.just({"type": ["string", "null"]})
    | st.just({"type": "string"})
    | st.builds(
        lambda kinds, bounds: {**bounds, "type": kinds}, st.lists(KINDS, min_size=1), BOUNDS
    )
    | BOUNDS
)


class Pipe(Collector):
    """Keeps the schema, too."""

    schema: Json | None = None

    @override
    def write_message(self, message: Message) -> None:
        if isinstance(message, SchemaMessage):
            self.schema = deepcopy(message.schema)
        assert self.schema
        super().write_message(message)


@st.composite
def catalogs(draw: st.DrawFn) -> Json:
    """Return the entry of a stream as somebody may have changed it."""
    entry: Json = deepcopy(ENTRIES[draw(st.sampled_from(STREAMS))])
    schema = entry["schema"]
    own = schema["properties"]
    for name in draw(st.sets(st.sampled_from(sorted(own)), max_size=3)):
        del own[name]
    optional = sorted(set(own) - set(schema["required"]))
    some = st.sampled_from([*optional, *ADDED])
    for name in draw(st.sets(some, max_size=2)):
        own[name] = draw(MADE_UP)
    schema |= draw(st.just({}) | st.just({"additionalProperties": False, "required": ["queue"]}))
    deselect({"streams": [entry]}, entry["tap_stream_id"], *draw(st.sets(some, max_size=2)))
    return entry


def rows_of(stream: str) -> st.SearchStrategy[list[Json]]:
    schema = ENTRIES[stream]["schema"]
    fields: Json = {
        name: (TIMES if field.get("format") else VALUES) | VALUES
        for name, field in schema["properties"].items()
        if name != ADDITIONAL_PROPERTIES
    } | dict.fromkeys(ADDED, TIMES | VALUES)
    fitting = {"duration_seconds": st.floats(0, 9), "total_runs": st.integers(0, 9)}
    fields |= {name: it for name, it in fitting.items() if name in fields}
    keys = {name: st.just("2026-03-02") for name in schema["required"]}
    optional = {name: it for name, it in fields.items() if name not in keys}
    unknown = st.dictionaries(TEXT, VALUES, max_size=2)
    known = st.fixed_dictionaries(keys, optional=optional)
    return st.lists(st.builds(operator.or_, unknown, known), min_size=1, max_size=3)


def written(value: Any) -> Iterator[Any]:
    """Yield the forms in which a value may arrive."""
    yield value
    yield value if isinstance(value, str) else json.dumps(value)
    with suppress(ValueError):
        yield timestamps.to_fixed_width(value)


def sent(entry: Json, rows: list[Json]) -> Pipe:
    """Return what leaves of a stream whose API has these rows."""
    stream_name, pipe = entry["tap_stream_id"], Pipe(None)
    with handlers_kept():
        tap = TapDagctl(config=CONFIG, catalog={"streams": [deepcopy(entry)]}, message_writer=pipe)
    stream: Any = tap.streams[stream_name]
    records = RecordBuilder(stream_name, stream.schema).build(rows, CONTEXT)
    stream.record_pages, stream.part = lambda _: iter([records]), Part(stream_name)
    stream.sync(dict(CONTEXT))
    return pipe


@given(st.data())
def test_every_record_is_valid_and_nothing_is_lost(data: st.DataObject) -> None:
    entry = data.draw(catalogs())
    name = entry["tap_stream_id"]
    rows = data.draw(rows_of(name))
    try:
        pipe = sent(entry, rows)
    except ConfigurationError as error:
        troubleshooting.check([str(error)])
        return
    assert pipe.schema
    properties = pipe.schema["properties"]
    validator = Draft202012Validator(pipe.schema, format_checker=FormatChecker())
    deselected = {
        it["breadcrumb"][-1] for it in entry["metadata"] if it["metadata"].get("selected") is False
    } - {entry.get("replication_key")}
    # A field that is not listed comes as the tap has it.
    assert properties.keys() >= ENTRIES[name]["schema"]["properties"].keys() - deselected
    for (_, record), row in zip(pipe.records, rows, strict=True):
        validator.validate(record)
        assert record.keys() == properties.keys()
        if ADDITIONAL_PROPERTIES in deselected:
            continue
        rest = record[ADDITIONAL_PROPERTIES] or {}
        rest = json.loads(rest) if isinstance(rest, str) else rest
        assert not (rest.keys() | record.keys()) & deselected
        assert {*rest, *(field for field in record if record[field] is not None)} <= {
            *(*row, *CONTEXT, ADDITIONAL_PROPERTIES)
        }
        for field in row.keys() - deselected - CONTEXT.keys():
            arrived = rest.get(field) if record.get(field) is None else record[field]
            assert row[field] is None or arrived in written(row[field]), field
