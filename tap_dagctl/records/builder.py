"""From a row as the API writes it to a record that fits the schema.

The API leaves out a field that is null (API page, "Conventions"). A loader that merges would then
keep the old value, so every record has every field of the schema. A field that the schema does not
name, and a value that does not fit its field, are kept in `additional_properties`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any

from tap_dagctl.api.decoding import MAX_INTEGER, MIN_INTEGER
from tap_dagctl.errors import one_line
from tap_dagctl.records.secrets import remove_secrets
from tap_dagctl.schemas import ADDITIONAL_PROPERTIES, kinds_of
from tap_dagctl.timestamps import to_fixed_width

# Unknown fields of a stream that are logged; rows could bring a new name each.
MAX_REPORTED = 100

_TYPES: dict[str, tuple[str, tuple[type, ...]]] = {
    "string": ("a string", (str,)),
    "boolean": ("a boolean", (bool,)),
    "integer": ("an integer", (int, float)),
    "number": ("a number", (int, float)),
    "object": ("an object", (dict,)),
}

logger = logging.getLogger("tap-dagctl.records")


def _checked(kind: str, value: Any) -> object:  # noqa: ANN401 - any JSON
    """Return `value` as a type of JSON schema, or raise a ValueError that says what it is not."""
    name, types = _TYPES[kind]
    is_fit = isinstance(value, types) and isinstance(value, bool) == (kind == "boolean")
    if not is_fit or (kind == "integer" and value != int(value)):
        msg = f"not {name}"
    elif kind == "integer" and not MIN_INTEGER <= value <= MAX_INTEGER:
        msg = "an integer of more than 64 bits"
    elif kind == "number" and float(value) != value:
        # Many loaders keep numbers as doubles: they would round it without a word, or refuse it.
        msg = "not a number that a double can hold"
    else:
        return int(value) if kind == "integer" else value
    raise ValueError(msg)


class RecordBuilder:
    """Makes the records of one stream, which have the fields `left_out` nowhere.

    Unless it `keeps_secrets`, neither have they fields that the schema does not name and whose
    names say that they hold a secret. It logs each field that does not fit the schema once, unless
    it is `expected`, because a catalog names it.
    """

    def __init__(
        self,
        stream: str,
        schema: Mapping[str, Any],
        left_out: Collection[str] = (),
        *,
        keeps_secrets: bool = False,
    ) -> None:
        self._stream, self._left_out = stream, frozenset(left_out)
        self._keeps_secrets = keeps_secrets
        fields: dict[str, dict[str, Any]] = schema["properties"]
        self._converters: dict[str, Callable[[object], object]] = {
            name: to_fixed_width
            if field.get("format") == "date-time"
            else partial(_checked, kinds_of(field)[0])
            for name, field in fields.items()
            if name != ADDITIONAL_PROPERTIES
        }
        self._all_null: dict[str, Any] = dict.fromkeys(fields)
        self.expected: Collection[str] = ()
        self._reported: set[str] = set()

    def build(
        self, rows: Iterable[Mapping[str, Any]], context: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        return [self.record(row, context) for row in rows]

    def record(self, row: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
        """Return the record of `row`: every field of the schema, each null or of its type.

        The record gets the fields of `context`, whatever the row has in them.
        """
        record = self._all_null.copy()
        additional: dict[str, Any] = {}
        misfits: dict[str, str] = {}
        for name, value in row.items():
            converter = self._converters.get(name)
            if name in context or name in self._left_out:
                continue
            if name == ADDITIONAL_PROPERTIES and value is None:
                continue
            if converter is None:
                additional[name] = value
            elif value is not None:
                try:
                    record[name] = converter(value)
                except (ValueError, OverflowError) as error:
                    additional[name] = value
                    misfits[name] = f"has a value that is {error}"
        if additional:
            self._check_additional(additional, misfits)
        record.update(context)
        record[ADDITIONAL_PROPERTIES] = additional or None
        return record

    def _check_additional(self, fields: dict[str, Any], misfits: Mapping[str, str]) -> None:
        """Take secrets out of `fields`, and log the rest of them."""
        if not self._keeps_secrets:
            for name in remove_secrets(fields):
                self._report(
                    name,
                    "is left out, because its name says that it holds a secret; "
                    "include_sensitive loads it",
                )
        for name in fields:
            if name not in self.expected:
                what = misfits.get(name, "is not in the schema")
                self._report(name, f"{what}; it is kept in {ADDITIONAL_PROPERTIES}")

    def _report(self, name: str, what: str) -> None:
        if name not in self._reported and len(self._reported) < MAX_REPORTED:
            self._reported.add(name)
            logger.warning("%s: field %r %s", self._stream, one_line(name), what)
