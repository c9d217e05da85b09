"""Which type of column holds a property, and how the text of a JSON value becomes one of it."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_OF_TYPE = {"boolean": "BOOLEAN", "integer": "BIGINT", "number": "DOUBLE"}
_OF_TYPE |= {"object": "JSON", "array": "JSON"}
_OF_FORMAT = {"date-time": "TIMESTAMP", "date": "DATE", "time": "TIME"}
INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
# Each holds the values of those before it; VARCHAR holds any, as text.
_LADDERS = ((*INTEGERS, "DOUBLE"), ("DATE", "TIMESTAMP"))
KNOWN = frozenset((*INTEGERS, *_OF_TYPE.values(), *_OF_FORMAT.values(), "VARCHAR"))
# What looks the same as text as it did in the tap's message, so that a key stays the same key.
_SAME_AS_TEXT = frozenset((*INTEGERS, "BOOLEAN", "DATE", "JSON"))


def column_type(schema: Any) -> str:  # noqa: ANN401 - any JSON
    """Return the narrowest type that holds whatever the JSON schema of a property allows."""
    return reduce(wider, _types(schema), "") or "VARCHAR"


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
    """Return the narrowest type that holds the values of both; the empty text is no type."""
    if one in {"", other}:
        return other
    for ladder in _LADDERS:
        if one in ladder and other in ladder:
            return max(one, other, key=ladder.index)
    return "VARCHAR"


def keeps_keys(old: str, new: str) -> bool:
    """Return whether keys of the type `old` are still found when they are of the type `new`."""
    return new != "VARCHAR" or old in _SAME_AS_TEXT


def value(text: str, kind: str) -> str:
    """Return an SQL expression: what `text` stands for in the type `kind`, null for nothing.

    DuckDB's own casts take more than is exact: 1.5 is the BIGINT 2, a TIMESTAMP drops its offset.
    """
    cast = f"TRY_CAST({text} AS {kind})"
    if kind in INTEGERS:
        fraction = " OR ".join(f"contains({text}, '{sign}')" for sign in ".eE")
        number = f"TRY_CAST({text} AS DOUBLE)"
        # DuckDB has read it as a DOUBLE: beyond that, 9007199254740993.0 came as another integer.
        exact = f"{number} = trunc({number}) AND abs({number}) < {2**53}"
        return f"CASE WHEN NOT ({fraction}) OR ({exact}) THEN {cast} END"
    if kind == "DOUBLE":
        return f"CASE WHEN {_is_exact(text, cast)} THEN {cast} END"
    if kind == "DATE":
        return f"CASE WHEN TRY_CAST({text} AS TIMESTAMP) = {cast} THEN {cast} END"
    if kind in {"TIMESTAMP", "TIME"}:
        moment = text if kind == "TIMESTAMP" else f"'1970-01-02T' || {text}"
        # The session's time zone is UTC, which is what a text without an offset is taken for.
        return f"CAST(CAST(TRY_CAST({moment} AS TIMESTAMPTZ) AS TIMESTAMP) AS {kind})"
    return cast if kind == "BOOLEAN" else text


def _is_exact(text: str, double: str) -> str:
    """Return whether `double` is finite where `text` is, and no other integer than `text`.

    An integer of up to 15 digits always is exact. A longer one is if nothing is lost, or if it is
    how other languages write a double: its 17 digits at most, and zeros.
    """
    digits = f"regexp_replace({text}, '^-|0+$', '', 'g')"
    shortest = f"regexp_replace(CAST({double} AS VARCHAR), '^-|[.]|0*(e.*)?$', '', 'g')"
    return (
        f"CASE WHEN length({text}) < 16 AND NOT contains(lower({text}), 'e') THEN true"
        f" WHEN regexp_full_match({text}, '-?[0-9]+') THEN"
        f" TRY_CAST({double} AS HUGEINT) = TRY_CAST({text} AS HUGEINT) OR {digits} = {shortest}"
        f" ELSE isfinite({double}) OR contains(lower({text}), 'inf') OR lower({text}) = 'nan' END"
    )
