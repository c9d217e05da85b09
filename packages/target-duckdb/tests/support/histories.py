"""Made-up histories: streams whose schemas change, and what the tables hold in the end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

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
    Message,
    record,
    schema,
    state,
)

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = {
    "integer": INTEGER,
    "number": NUMBER,
    "string": TEXT,
    "boolean": FLAG,
    "object": OBJECT,
    "array": ARRAY,
    "date-time": TIMESTAMP,
    "date": DATE,
    "time": TIME,
}
# What a property may be declared as next, without its old rows being something else.
NEXT = {
    "integer": ("integer", "number", "string"),
    "boolean": ("boolean", "string"),
    "object": ("object", "string"),
    "array": ("array", "object", "string"),
    "date": ("date", "date-time"),
    "date-time": ("date-time", "date"),
    "number": ("number", "integer"),
}
_AWKWARD = (
    *("select", "order", "Group", "a.b", "a-b", 'a"b', "a b", "it's", "é", "名前", "😀"),
    *("record", "version", "time_extracted", "text_0", "deleted", "staged", "rowid"),
    *("%s", "$1", "{x}", "a\nb", "a\\b"),
)
_KEYS = {"integer", "string", "boolean", "date"}
names = st.one_of(
    st.sampled_from(_AWKWARD),
    # Hypothesis also draws texts from the loader's code: its own columns are another test's.
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(
        lambda it: not it.lower().startswith("_sdc_")
    ),
)
_small = st.integers(-(2**53), 2**53)
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", "null", "\0", "a\0b", "\r\n", "\\N", ",", '"', "{}", "1", "\ufeff", "\u2028"]
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)
_offsets = st.integers(-14 * 60, 14 * 60).map(lambda it: timezone(timedelta(minutes=it)))


def _instants() -> st.SearchStrategy[str]:
    inner = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=_offsets)  # noqa: DTZ001
    edges = st.sampled_from(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
    plain = st.datetimes().map(datetime.isoformat)
    return inner.map(datetime.isoformat) | edges | plain


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "integer": _small | st.integers(-(2**127) + 1, 2**127 - 1),
    "number": _small | st.floats(allow_nan=False, allow_infinity=False),
    "string": _texts,
    "boolean": st.booleans(),
    "object": st.dictionaries(_texts, _json, max_size=3),
    "array": st.lists(_json, max_size=3),
    "date-time": _instants(),
    "date": st.dates().map(date.isoformat),
    "time": st.times().map(time.isoformat),
}


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.astimezone(timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment


_CONVERT: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("string", "object", "array"), lambda value: ("json", value)),
    "number": float,
    "date-time": _utc,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
}


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
        return schema(self.name, {it: KINDS[kind] for it, kind in self.kinds.items()}, self.keys)

    def take(self, values: dict[str, Any]) -> Message:
        key = tuple(values[key] for key in self.keys) if self.keys else (self.count,)
        self.rows[key] = values
        self.count += 1
        return record(self.name, values)

    def expected(self) -> list[dict[str, Any]]:
        return [
            {name: _stored(row.get(name), kind) for name, kind in self.widest.items()}
            for row in self.rows.values()
        ]

    def found(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """`rows` as they are read back, comparable."""
        return [
            {name: _read(value, self.widest[name]) for name, value in row.items()} for row in rows
        ]


def _wider(one: str, other: str) -> str:
    if one == other:
        return one
    pair = {one, other}
    if pair == {"integer", "number"}:
        return "number"
    if pair == {"date", "date-time"}:
        return "date-time"
    return "object" if pair == {"array", "object"} else "string"


def _stored(value: Any, column: str) -> Any:
    """Return what a column holds of a value, in the form that `_read` gives."""
    if value is None:
        return None
    if column == "string" and isinstance(value, str):
        return value
    convert = _CONVERT.get(column)
    return convert(value) if convert else value


def _read(value: Any, column: str) -> Any:
    return ("json", json.loads(value)) if column in {"object", "array"} and value else value


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
        _value_equal(found[name], value) for name, value in expected.items()
    )


def _value_equal(found: Any, expected: Any) -> bool:
    if isinstance(expected, tuple) and isinstance(found, str):
        # A column of text, which holds other values as JSON.
        found = ("json", _loaded(found))
    return type(found) is type(expected) and bool(found == expected)


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return ...


@dataclass
class History:
    """Messages, in order, each with what the tables hold when it is the last."""

    streams: list[Stream]
    messages: list[Message]


def _folded(name: str) -> bytes:
    return name.encode().lower()


@st.composite
def histories(draw: st.DrawFn) -> History:
    streams = []
    for name in draw(st.lists(names, min_size=1, max_size=2, unique_by=_folded)):
        properties = draw(st.lists(names, min_size=1, max_size=5, unique_by=_folded))
        kinds = {it: draw(st.sampled_from(sorted(KINDS))) for it in properties}
        able = [it for it, kind in kinds.items() if kind in _KEYS]
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
    messages.append(state("end"))
    return History(streams, messages)


def _changed(draw: st.DrawFn, stream: Stream) -> Message:
    for name, kind in list(stream.kinds.items()):
        big = kind == "integer" and stream.widest[name] == "integer"
        options = [
            it
            for it in NEXT.get(kind, (kind,))
            if name not in stream.keys
            and _wider(stream.widest[name], it) != "string" * (stream.widest[name] != kind)
            and not (big and it == "number")
        ]
        stream.kinds[name] = draw(st.sampled_from(options or [kind]))
    new = draw(names)
    if _folded(new) not in map(_folded, stream.widest):
        stream.kinds[new] = draw(st.sampled_from(sorted(KINDS)))
    elif len(stream.kinds) > 1:
        gone = draw(st.sampled_from(list(stream.kinds)))
        if gone not in stream.keys:
            del stream.kinds[gone]
    return stream.declare()


def _record(draw: st.DrawFn, stream: Stream, pools: dict[str, list[Any]]) -> Message:
    values: dict[str, Any] = {}
    for name, kind in stream.kinds.items():
        strategy = VALUES[kind]
        if stream.widest[name] == "number":
            strategy = strategy.filter(lambda it: isinstance(it, float) or abs(it) <= 2**53)
        if kind == "date" and stream.widest[name] == "date-time":
            strategy = VALUES["date"]
        if name in stream.keys:
            # Few keys, so that records meet.
            pool = pools.setdefault(f"{stream.name}\0{name}", [])
            if len(pool) < 3:
                pool.append(draw(strategy))
            values[name] = draw(st.sampled_from(pool))
        elif draw(st.integers(0, 5)):
            values[name] = draw(st.none() | strategy)
    return stream.take(values)
