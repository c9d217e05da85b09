"""Whatever the catalog, every record that leaves is valid against the schema before it."""

from __future__ import annotations

import json
import operator
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from singer_sdk.singerlib.encoding.simple import Message, SchemaMessage
from typing_extensions import override

from tap_dagctl import timestamps
from tap_dagctl.errors import ConfigurationError
from tap_dagctl.records.builder import RecordBuilder
from tap_dagctl.schemas import ADDITIONAL_PROPERTIES
from tap_dagctl.summary import Part
from tap_dagctl.tap import TapDagctl
from tests.support import troubleshooting
from tests.support.catalogs import deselect
from tests.support.in_process import Collector
from tests.support.made_up_rows import TEXT, TIMES, VALUES
from tests.support.syncs import Json, handlers_kept

CONTEXT = {"project_id": "proj_a"}
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
