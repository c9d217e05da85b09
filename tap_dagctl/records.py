"""From a row as the API writes it to a record as the schema promises it.

The API leaves a null field out (API page, "Conventions"), so a loader that merges would keep a
value that is gone: every field of the schema is in every record. What the schema does not name,
or a value that does not fit its field, is kept in `additional_properties`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tap_dagctl.errors import one_line
from tap_dagctl.timestamps import to_fixed_width

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ADDITIONAL_PROPERTIES = "additional_properties"

MOST_SHAPES = 1_000
"""Sets of fields and classes of a stream that are remembered."""

MOST_REPORTED = 100
"""Fields of a stream that are warned of; rows can hold names without end."""

logger = logging.getLogger("tap-dagctl.records")


def _string(value: object) -> str:
    if not isinstance(value, str):
        msg = "not a string"
        raise ValueError(msg)  # noqa: TRY004 - one error for every unfitting value
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        msg = "not a boolean"
        raise ValueError(msg)  # noqa: TRY004 - one error for every unfitting value
    return value


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        msg = "not an integer"
        raise ValueError(msg)
    return int(value)


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        msg = "not a number"
        raise ValueError(msg)  # noqa: TRY004 - one error for every unfitting value
    return value


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        msg = "not an object"
        raise ValueError(msg)  # noqa: TRY004 - one error for every unfitting value
    return value


_BY_TYPE: dict[str, Callable[[object], object]] = {
    "string": _string,
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
    "object": _object,
}


_Nothing = type(None)
# What fits whatever the value is. A float can be an integer, and is then made one.
_CLASSES: dict[str, tuple[type, ...]] = {
    "string": (str, _Nothing),
    "boolean": (bool, _Nothing),
    "integer": (int, _Nothing),
    "number": (int, float, _Nothing),
    "object": (dict, _Nothing),
}


def _kind(schema: Mapping[str, Any]) -> str:
    return next(str(kind) for kind in schema["type"] if kind != "null")


class RecordBuilder:
    """Makes records of one stream's schema, and says once what it did not know."""

    def __init__(self, stream: str, schema: Mapping[str, Any]) -> None:
        self._stream = stream
        fields = {
            name: field
            for name, field in schema["properties"].items()
            if name != ADDITIONAL_PROPERTIES
        }
        times = {name for name, field in fields.items() if field.get("format") == "date-time"}
        self._converters: dict[str, Callable[[object], object]] = {
            name: to_fixed_width if name in times else _BY_TYPE[_kind(field)]
            for name, field in fields.items()
        }
        self._times = sorted(times)
        self._classes = {
            name: _CLASSES[_kind(field)] for name, field in fields.items() if name not in times
        }
        self._fitting: set[tuple[object, ...]] = set()
        self._nothing: dict[str, Any] = dict.fromkeys([*fields, ADDITIONAL_PROPERTIES])
        self._reported: set[str] = set()

    def build(
        self, rows: Iterable[Mapping[str, Any]], context: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Return `rows` with every field of the schema, each null or of its type.

        Args:
            rows: as the API writes them.
            context: what the rows belong to, whatever they say of it themselves.
        """
        return [self._quickly(row, context) or self._record(row, context) for row in rows]

    def _quickly(self, row: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the record, if only its timestamps must be rewritten; else None.

        Nearly all rows of a stream have the same few sets of fields, so whether their values are of
        the right classes is looked up for a row as a whole.
        """
        shape = (*row, *map(type, row.values()))
        if shape not in self._fitting:
            if len(self._fitting) >= MOST_SHAPES or not self._fits(row):
                return None
            self._fitting.add(shape)
        record = {**self._nothing, **row, **context}
        try:
            for name in self._times:
                value = record[name]
                if value is not None:
                    record[name] = to_fixed_width(value)
        except ValueError:
            return None
        return record

    def _fits(self, row: Mapping[str, Any]) -> bool:
        """Whether every value fits its field because of its class."""
        classes = self._classes
        return all(
            name in self._times or type(value) in classes.get(name, ())
            for name, value in row.items()
        )

    def _record(self, row: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
        record = self._nothing.copy()
        additional: dict[str, Any] = {}
        for name, value in row.items():
            converter = self._converters.get(name)
            if name in context:
                continue
            if converter is None:
                additional[name] = value
                self._report(name, "is not in the schema")
            elif value is not None:
                try:
                    record[name] = converter(value)
                except (ValueError, OverflowError) as error:
                    additional[name] = value
                    self._report(name, f"has a value that is {error}")
        record.update(context)
        if additional:
            record[ADDITIONAL_PROPERTIES] = additional
        return record

    def _report(self, name: str, what: str) -> None:
        if name not in self._reported and len(self._reported) < MOST_REPORTED:
            self._reported.add(name)
            logger.warning(
                "%s: field %r %s; it is kept in %s",
                self._stream,
                one_line(name),
                what,
                ADDITIONAL_PROPERTIES,
            )
