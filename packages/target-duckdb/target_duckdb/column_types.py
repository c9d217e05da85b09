"""Which type of column holds a property."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

_OF_TYPE = {"boolean": "BOOLEAN", "integer": "BIGINT", "number": "DOUBLE"}
_OF_TYPE |= {"object": "JSON", "array": "JSON"}
_OF_FORMAT = {"date-time": "TIMESTAMP", "date": "DATE", "time": "TIME"}
_SMALL = ("TINYINT", "UTINYINT", "SMALLINT", "USMALLINT", "INTEGER", "UINTEGER")
INTEGERS = (*_SMALL, "BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT")
# What an integer column becomes when it gets integers that it cannot hold, in the order tried.
WIDER_INTEGERS = {
    **dict.fromkeys(_SMALL, ("BIGINT", "HUGEINT")),
    **dict.fromkeys(("BIGINT", "UBIGINT"), ("HUGEINT",)),
}
KNOWN = frozenset((*INTEGERS, *_OF_TYPE.values(), *_OF_FORMAT.values(), "VARCHAR"))
# What looks the same as text as it did in the tap's message, so that a key stays the same key.
_SAME_AS_TEXT = frozenset((*INTEGERS, "BOOLEAN", "DATE", "JSON"))


def column_type(schema: Any) -> str:  # noqa: ANN401 - any JSON
    """Return the narrowest type that holds whatever the JSON schema of a property allows."""
    return reduce(wider, _types(schema), "") or "VARCHAR"


def is_mixed(schema: Any) -> bool:  # noqa: ANN401 - any JSON
    """Return whether the JSON schema of a property allows several types."""
    return len(set(_types(schema))) > 1


def _types(schema: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    schema = schema if isinstance(schema, dict) else {}
    variants = [it for word in ("anyOf", "oneOf", "allOf") for it in _list(schema.get(word) or [])]
    for variant in variants:
        yield from _types(variant)
    # Whatever else stands where a name should be allows anything, too.
    for name in map(str, _list(schema.get("type", [] if variants else "anything"))):
        if name == "string":
            yield _OF_FORMAT.get(str(schema.get("format")), "VARCHAR")
        elif name != "null":
            yield _OF_TYPE.get(name, "VARCHAR")


def _list(one_or_several: Any) -> list[Any]:  # noqa: ANN401 - any JSON
    return one_or_several if isinstance(one_or_several, list) else [one_or_several]


def wider(one: str, other: str) -> str:
    """Return the narrowest type that holds the values of both; the empty text is no type.

    An integer column stays as it is until a value does not fit: only the values tell how wide it
    must be.
    """
    if one in {"", other}:
        return other
    if one in INTEGERS and other in INTEGERS:
        return one
    pair = {"INTEGER" if it in INTEGERS else it for it in (one, other)}
    if pair == {"INTEGER", "DOUBLE"}:
        return "DOUBLE"
    return "TIMESTAMP" if pair == {"DATE", "TIMESTAMP"} else "VARCHAR"


def keeps_keys(old: str, new: str) -> bool:
    """Return whether keys of the type `old` are still found when they are of the type `new`."""
    return new != "VARCHAR" or old in _SAME_AS_TEXT
