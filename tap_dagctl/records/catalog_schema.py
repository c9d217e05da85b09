"""The schema that a catalog gives a stream, and records that fit it.

People change catalogs, by hand or with Meltano's `schema`. A field that the catalog does not list
is not deselected: it is as the tap has it. One that is added is filled with what the API sends
under its name. A type that is changed is converted, if every value fits the new one exactly.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator

from tap_dagctl.errors import ConfigurationError, one_line
from tap_dagctl.schemas import ADDITIONAL_PROPERTIES, kinds_of
from tap_dagctl.timestamps import to_fixed_width

Schema = Mapping[str, Any]

# All other keywords of a field constrain its values.
_ANNOTATIONS = {"title", "description", "default", "deprecated", "x-sql-datatype"}

logger = logging.getLogger("tap-dagctl.records")


def announced(
    stream: str,
    own: Schema,
    given: Schema,
    left_out: Collection[str] = (),
    never_loaded: Collection[str] = (),
) -> dict[str, Any]:
    """Return the schema to announce: the tap's own with the fields of a catalog's.

    Fields `left_out` are not in it, and every field that may be null in a record may be null in it,
    whatever the catalog says. A catalog that adds a field `never_loaded` is an error.
    """
    fields = dict(own["properties"])
    name = ""
    try:
        for name, field in given.get("properties", {}).items():
            if name in never_loaded:
                raise ValueError("it is never loaded")  # noqa: TRY301 - as the others end
            if name not in left_out:
                fields[name] = _field(name, fields.get(name), field)
    except (SchemaError, ValueError) as error:
        why = one_line(error.message if isinstance(error, SchemaError) else str(error))
        raise ConfigurationError(
            f"The catalog's schema of {stream}.{one_line(name)} cannot be used: {why}; take the "
            "change out of the catalog, or of `schema` in meltano.yml"
        ) from None
    return {**own, "properties": fields}


def _field(name: str, own: Schema | None, given: Schema) -> dict[str, Any]:
    if own is not None and _constraints(given) in ({}, _constraints(own)):
        return {**own, **given}
    Draft202012Validator.check_schema(given, format_checker=FormatChecker())
    if own is None:
        return _nullable(given)
    if name == ADDITIONAL_PROPERTIES:
        given = {key: value for key, value in given.items() if key in {*_ANNOTATIONS, "type"}}
    # Every value of the field must fit the type that the catalog gives it.
    kind, kinds, of_format = kinds_of(own)[0], kinds_of(given), given.get("format")
    is_same = "type" not in given or kind in kinds or (kind == "integer" and "number" in kinds)
    is_same = is_same and of_format in {None, own.get("format")}
    if not is_same and (of_format or "string" not in kinds):
        wanted = of_format or " or ".join(kinds) or "null"
        raise ValueError(f"not every {own.get('format', kind)} fits {wanted}")
    if "null" in own["type"]:
        return _nullable(given)
    if given.keys() - _ANNOTATIONS - {"type", "format"}:
        raise ValueError("it is never null, and so may have no other bounds")
    return dict(given)


def _nullable(schema: Schema) -> dict[str, Any]:
    schema = dict(schema)
    if _validator(schema).is_valid(None):
        return schema
    if "type" in schema:
        schema["type"] = [*kinds_of(schema), "null"]
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]
    return schema if _validator(schema).is_valid(None) else {"anyOf": [schema, {"type": "null"}]}


def _validator(schema: Schema) -> Validator:
    return Draft202012Validator(schema, format_checker=FormatChecker())


class Conversion:
    """Makes the records of a stream, which fit `own`, fit the schema that is announced.

    Attributes:
        added: the fields that the tap's own schema does not have.
        is_needed: any field differs, or is left out.
    """

    def __init__(
        self, stream: str, own: Schema, announced: Schema, deselected: Collection[str] = ()
    ) -> None:
        self._stream, self._deselected = stream, deselected
        fields = own["properties"]
        self._changed = {
            name: _validator(field)
            for name, field in announced["properties"].items()
            if name not in fields or _constraints(field) != _constraints(fields[name])
        }
        self._rest = self._changed.pop(ADDITIONAL_PROPERTIES, None)
        self.added = [name for name in self._changed if name not in fields]
        self.is_needed = bool(self._changed or self._rest or deselected)
        self._reported: set[str] = set()

    def convert(self, records: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        """Return `records` as they fit; what does not is kept in `additional_properties`."""
        return map(self._convert, records) if self.is_needed else records

    def _convert(self, record: dict[str, Any]) -> dict[str, Any]:
        record, rest = dict(record), dict(record[ADDITIONAL_PROPERTIES] or {})
        for name, validator in self._changed.items():
            value = record.get(name)
            if value is None:
                value = rest.pop(name, None)
            record[name] = None
            if value is not None:
                try:
                    record[name] = _converted(value, validator)
                except ValueError:
                    rest[name] = value
                    self._report(name)
        for name in self._deselected:
            rest.pop(name, None)
        record[ADDITIONAL_PROPERTIES] = rest or None
        if rest and self._rest:
            record[ADDITIONAL_PROPERTIES] = _converted(rest, self._rest)
        return record

    def _report(self, name: str) -> None:
        if name not in self._reported:
            self._reported.add(name)
            line = "%s: field %r has a value that the catalog does not allow; it is kept in %s"
            logger.warning(line, self._stream, one_line(name), ADDITIONAL_PROPERTIES)


def _constraints(schema: Schema) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in _ANNOTATIONS}


def _converted(value: Any, validator: Validator) -> Any:  # noqa: ANN401 - any JSON
    """Return `value`, or the same as text; raise a ValueError if the schema allows neither."""
    schema: Any = validator.schema
    if schema.get("format") == "date-time":
        value = to_fixed_width(value)
    if validator.is_valid(value):
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    if "string" in kinds_of(schema) and "format" not in schema and validator.is_valid(text):
        return text
    raise ValueError("the schema does not allow it")
