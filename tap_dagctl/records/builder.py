"""From a row as the API writes it to a record that fits the schema.

The API leaves out a field that is null (API page, "Conventions"). A loader that merges would then
keep the old value, so every record has every field of the schema. A field that the schema does not
name, and a value that does not fit its field, are kept in `additional_properties`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec

from tap_dagctl.api.decoding import LEAST_INTEGER, MOST_INTEGER
from tap_dagctl.errors import one_line
from tap_dagctl.schemas import ADDITIONAL_PROPERTIES, kinds_of
from tap_dagctl.timestamps import to_fixed_width

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    Record = dict[str, Any] | msgspec.Struct
    """A record with every field of the schema, null where the row has no value.

    `RecordBuilder` makes it a dict, the fast path a struct, which takes a third of the time.
    """

MOST_REPORTED = 100
"""Unknown fields of a stream that are logged; rows could bring a new name each."""

logger = logging.getLogger("tap-dagctl.records")


def _instance_of(kind: type, name: str) -> Callable[[object], object]:
    def checked(value: object) -> object:
        if not isinstance(value, kind):
            msg = f"not {name}"
            raise ValueError(msg)  # noqa: TRY004 - one error for every unfitting value
        return value

    return checked


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        msg = "not an integer"
        raise ValueError(msg)
    if not LEAST_INTEGER <= value <= MOST_INTEGER:
        msg = "an integer of more than 64 bits"
        raise ValueError(msg)
    return int(value)


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        msg = "not a number"
        raise ValueError(msg)  # noqa: TRY004 - one error for every unfitting value
    if float(value) != value:
        # Many loaders keep numbers as doubles: they would round it without a word, or refuse it.
        msg = "not a number that a double can hold"
        raise ValueError(msg)
    return value


_BY_TYPE: dict[str, Callable[[object], object]] = {
    "string": _instance_of(str, "a string"),
    "boolean": _instance_of(bool, "a boolean"),
    "integer": _integer,
    "number": _number,
    "object": _instance_of(dict, "an object"),
}


def as_dict(record: Record) -> dict[str, Any]:
    """Return `record` as a dict, which the SDK expects."""
    return record if isinstance(record, dict) else msgspec.structs.asdict(record)


def known_fields(record: Record) -> dict[str, Any]:
    """Return the fields of `record` that the schema names, by which its versions are told apart."""
    return {**as_dict(record), ADDITIONAL_PROPERTIES: None}


class RecordBuilder:
    """Makes the records of one stream, and logs each field that does not fit the schema once."""

    def __init__(
        self, stream: str, schema: Mapping[str, Any], left_out: Collection[str] = ()
    ) -> None:
        """Prepare to make records that have the fields `left_out` nowhere."""
        self._stream = stream
        self._left_out = frozenset(left_out)
        fields: dict[str, dict[str, Any]] = schema["properties"]
        self._converters: dict[str, Callable[[object], object]] = {
            name: to_fixed_width
            if field.get("format") == "date-time"
            else _BY_TYPE[kinds_of(field)[0]]
            for name, field in fields.items()
            if name != ADDITIONAL_PROPERTIES
        }
        self._all_null: dict[str, Any] = dict.fromkeys(fields)
        self._reported: set[str] = set()

    def expect(self, fields: Iterable[str]) -> None:
        """Log nothing of `fields`, which the schema does not name and the catalog does."""
        self._reported.update(fields)

    def build(
        self, rows: Iterable[Mapping[str, Any]], context: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Return the record of each of `rows`."""
        return [self.record(row, context) for row in rows]

    def record(self, row: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
        """Return the record of `row`: every field of the schema, each null or of its type.

        The record gets the fields of `context`, whatever the row has in them.
        """
        record = self._all_null.copy()
        additional: dict[str, Any] = {}
        for name, value in row.items():
            converter = self._converters.get(name)
            if name in context or name in self._left_out:
                continue
            if name == ADDITIONAL_PROPERTIES and value is None:
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
