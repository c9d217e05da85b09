"""Made-up histories: streams whose schemas change, and what the tables hold in the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.support.program import Message, record, schema, state
from tests.support.types import ARRAY, DATE, FLAG, INTEGER, NUMBER, OBJECT, TEXT, TIME, TIMESTAMP

_AWKWARD = (
    *("select", "order", "Group", "a.b", "a-b", 'a"b', "a b", "it's", "é", "名前", "😀"),
    *("record", "version", "time_extracted", "text_0", "deleted", "staged", "rowid"),
    *("%s", "$1", "{x}", "a\nb", "a\\b", "x" * 300),
)
_names = st.one_of(
    st.sampled_from(_AWKWARD),
    # Hypothesis also draws texts from the loader's code: its own columns are another test's.
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(
        lambda it: not it.lower().startswith("_sdc_")
    ),
)
_small = st.integers(-(2**53), 2**53)
_integers = _small | st.integers(-(2**127) + 1, 2**127 - 1)
_numbers = _small | st.floats(allow_nan=False, allow_infinity=False)
_odd_texts = (
    *("", "null", "\0", "a\0b", "\r\n", "\\N", ",", '"', "{}", "1", "\ufeff", "\u2028"),
    *('"record": {', '{"type": "STATE"}'),
)
_any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_texts = _any_text | st.sampled_from(_odd_texts)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)
_objects = st.dictionaries(_texts, _json, max_size=3)
_offsets = st.integers(-14 * 60, 14 * 60).map(lambda it: timezone(timedelta(minutes=it)))
_moments = st.one_of(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=_offsets),  # noqa: DTZ001
    st.datetimes(),
    st.sampled_from([datetime.min, datetime.max]),  # noqa: DTZ901
).map(datetime.isoformat)


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.astimezone(timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment


class Kind(NamedTuple):
    """A kind of property."""

    schema: Any
    values: st.SearchStrategy[Any]
    # What a column of this kind holds of a value, read back.
    stored: Callable[[Any], Any] = lambda value: value
    # What it may be declared as next, without its old rows being something else.
    later: tuple[str, ...] = ()


def _as_json(value: Any) -> tuple[str, Any]:
    return "json", value


KINDS = {
    "integer": Kind(INTEGER, _integers, later=("integer", "number", "string")),
    "number": Kind(NUMBER, _numbers, float, ("number", "integer")),
    # A column of text holds other values as JSON.
    "string": Kind(TEXT, _texts, lambda it: it if isinstance(it, str) else _as_json(it)),
    "boolean": Kind(FLAG, st.booleans(), later=("boolean", "string")),
    "object": Kind(OBJECT, _objects, _as_json, ("object", "string")),
    "array": Kind(ARRAY, st.lists(_json, max_size=3), _as_json, ("array", "object", "string")),
    "date-time": Kind(TIMESTAMP, _moments, _utc, ("date-time", "date")),
    "date": Kind(DATE, st.dates().map(date.isoformat), date.fromisoformat, ("date", "date-time")),
    "time": Kind(TIME, st.times().map(time.isoformat), time.fromisoformat),
}
_OF_KEYS = {"integer", "string", "boolean", "date"}
_kinds = st.sampled_from(sorted(KINDS))


@dataclass
class Stream:
    """A stream as it is declared now, and what a reader of its messages would remember."""

    name: str
    keys: list[str]
    kinds: dict[str, str]
    widest: dict[str, str] = field(default_factory=dict)
    rows: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)
    count: int = 0

    def declare(self) -> Message:
        for name, kind in self.kinds.items():
            self.widest[name] = _wider(self.widest.get(name, kind), kind)
        kinds = {name: KINDS[kind].schema for name, kind in self.kinds.items()}
        return schema(self.name, kinds, self.keys)

    def take(self, values: dict[str, Any]) -> Message:
        key = tuple(values[key] for key in self.keys) if self.keys else (self.count,)
        self.rows[key] = values
        self.count += 1
        return record(self.name, values)

    def expected(self) -> list[dict[str, Any]]:
        stored = {name: KINDS[kind].stored for name, kind in self.widest.items()}
        return [
            {name: None if row.get(name) is None else it(row[name]) for name, it in stored.items()}
            for row in self.rows.values()
        ]

    def found(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """`rows` as they are read back, comparable, without the loader's own columns."""
        return [
            {name: _read(it, self.widest[name]) for name, it in row.items() if name[:5] != "_sdc_"}
            for row in rows
        ]


def _wider(one: str, other: str) -> str:
    for wide, narrow in (("number", "integer"), ("date-time", "date"), ("object", "array")):
        if {one, other} == {wide, narrow}:
            return wide
    return one if one == other else "string"


def _read(value: Any, column: str) -> Any:
    return _as_json(json.loads(value)) if column in {"object", "array"} and value else value


def same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> bool:
    """Whether both hold the same rows, in any order."""
    left = list(found)
    for row in expected:
        match = next((it for it in left if equal(it, row)), None)
        if match is None:
            return False
        left.remove(match)
    return not left


def equal(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    return found.keys() == expected.keys() and all(
        _is_value(found[name], value) for name, value in expected.items()
    )


def _is_value(found: Any, expected: Any) -> bool:
    if isinstance(expected, tuple) and isinstance(found, str):
        try:
            found = _as_json(json.loads(found))
        except ValueError:
            return False
    return type(found) is type(expected) and bool(found == expected)


def _folded(name: str) -> bytes:
    return name.encode().lower()


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Stream], list[Message]]:
    """Return streams, and messages of them."""
    streams = []
    for name in draw(st.lists(_names, min_size=1, max_size=2, unique_by=_folded)):
        properties = draw(st.lists(_names, min_size=1, max_size=5, unique_by=_folded))
        kinds = {it: draw(_kinds) for it in properties}
        able = [it for it, kind in kinds.items() if kind in _OF_KEYS]
        keys = draw(st.lists(st.sampled_from(able), unique=True, max_size=2)) if able else []
        streams.append(Stream(name, keys, kinds))
    messages = [stream.declare() for stream in streams]
    pools: dict[str, list[Any]] = {}
    for step in range(draw(st.integers(1, 12))):
        stream = draw(st.sampled_from(streams))
        what = draw(st.sampled_from(["records", "records", "records", "schema", "state"]))
        if what == "state":
            messages.append(state(step))
        elif what == "schema":
            messages.append(_changed(draw, stream))
        else:
            messages += [_record(draw, stream, pools) for _ in range(draw(st.integers(1, 6)))]
    return streams, [*messages, state("end")]


def _changed(draw: st.DrawFn, stream: Stream) -> Message:
    for name, kind in list(stream.kinds.items()):
        widest = stream.widest[name]
        options = [
            it
            for it in KINDS[kind].later or (kind,)
            if name not in stream.keys
            and _wider(widest, it) != "string" * (widest != kind)
            # It may hold integers that no number is.
            and not (kind == widest == "integer" and it == "number")
        ]
        stream.kinds[name] = draw(st.sampled_from(options or [kind]))
    new = draw(_names)
    if _folded(new) not in map(_folded, stream.widest):
        stream.kinds[new] = draw(_kinds)
    elif len(stream.kinds) > 1:
        gone = draw(st.sampled_from(list(stream.kinds)))
        if gone not in stream.keys:
            del stream.kinds[gone]
    return stream.declare()


def _record(draw: st.DrawFn, stream: Stream, pools: dict[str, list[Any]]) -> Message:
    values: dict[str, Any] = {}
    for name, kind in stream.kinds.items():
        strategy = KINDS[kind].values
        if stream.widest[name] == "number":
            strategy = strategy.filter(lambda it: isinstance(it, float) or abs(it) <= 2**53)
        if name in stream.keys:
            # Few keys, so that records meet.
            pool = pools.setdefault(f"{stream.name}\0{name}", [])
            if len(pool) < 3:
                pool.append(draw(strategy))
            values[name] = draw(st.sampled_from(pool))
        elif draw(st.integers(0, 5)):
            values[name] = draw(st.none() | strategy)
    return stream.take(values)
