"""The rows of a page as records, all at once where they fit their schema.

Nearly every row of a long list does. The library that decodes it can check types, refuse what it
does not know and fill in what was left out as it goes, in a third of the time; such a record is a
struct. A row that does not fit goes through `builder`, which loses nothing of it. The same row
always comes out the same, whatever stands beside it in a page, so that records can be compared.
"""

from __future__ import annotations

import types
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from tap_dagctl import timestamps
from tap_dagctl.api.decoding import (
    LEAST_INTEGER,
    MOST_INTEGER,
    decoded,
    has_huge_integer,
    has_nul,
)
from tap_dagctl.records.builder import as_dict, kind_of
from tap_dagctl.schemas import ADDITIONAL_PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_dagctl.records.builder import Record, RecordBuilder

    Row = tuple[str, str, Record]
    """Its key, its `updated_at` as `timestamps.exact` writes it, and all of it as a record."""

_Integer = Annotated[int, msgspec.Meta(ge=LEAST_INTEGER, le=MOST_INTEGER)]
_TYPES: dict[str, Any] = {
    "string": str | None,
    "boolean": bool | None,
    "integer": _Integer | None,
    "number": _Integer | float | None,
    "object": dict[str, Any] | None,
}
_REQUIRED = ("id", "updated_at")
_COUNTS = ("total", "page", "limit", "total_pages")


class RowReader:
    """Reads the rows of one stream, each of which has an `id` and an `updated_at`."""

    def __init__(self, rows_key: str, schema: Mapping[str, Any], builder: RecordBuilder) -> None:
        """Make the struct of a schema.

        Args:
            rows_key: where the rows stand in an answer.
            schema: of the records.
            builder: makes the records of rows that do not fit it.
        """
        fields = schema["properties"]
        self._builder = builder
        self._times = [name for name, field in fields.items() if field.get("format") == "date-time"]
        kinds = {name: _TYPES[kind_of(field)] for name, field in fields.items()}
        # What the API itself calls so is none of ours.
        kinds[ADDITIONAL_PROPERTIES] = None
        self._struct = msgspec.defstruct(
            "Row",
            [
                (name, str) if name in _REQUIRED else (name, kind, None)
                for name, kind in kinds.items()
            ],
            kw_only=True,
            forbid_unknown_fields=True,
            gc=False,
        )
        rows: Any = types.GenericAlias(list, (self._struct,))
        body = msgspec.defstruct(
            "Body", [(rows_key, rows), *((name, Any, None) for name in _COUNTS)]
        )
        self._decoder = msgspec.json.Decoder(body)
        self._rows_key = rows_key
        # What the decoder does not look into.
        self._objects = [name for name, kind in kinds.items() if kind == _TYPES["object"]]

    def decode(self, content: bytes) -> object:
        """Return what `decoded` does, but with the rows as structs where every row fits.

        Raises:
            ValueError: as there.
        """
        if not has_nul(content):
            with suppress(msgspec.MsgspecError, UnicodeError, RecursionError):
                body = msgspec.structs.asdict(self._decoder.decode(content))
                rows = body[self._rows_key] or ()
                free = [body[name] for name in _COUNTS]
                free += [getattr(row, name) for name in self._objects for row in rows]
                if not has_huge_integer(free):
                    return body
        return decoded(content)

    def read(self, rows: Sequence[Any], context: Mapping[str, Any]) -> list[Row]:
        """Return the rows of a body that `decode` returned.

        Args:
            rows: either structs or objects.
            context: what the rows belong to, whatever they say of it themselves.

        Raises:
            ValueError: a row has no usable `id` or `updated_at`.
        """
        if rows and isinstance(rows[0], self._struct):
            with suppress(ValueError):
                return self._at_once(rows, context)
        return [self._row(row, context) for row in rows]

    def _at_once(self, structs: Sequence[Any], context: Mapping[str, Any]) -> list[Row]:
        """Complete `structs`, and return their rows.

        Raises:
            ValueError: one of them has no key, or a text that is no timestamp.
        """
        keys = [struct.id for struct in structs]
        if not all(keys):
            msg = "a key is empty"
            raise ValueError(msg)
        texts_of = {name: [getattr(struct, name) for struct in structs] for name in self._times}
        fixed_of: dict[str, list[Any]] = {
            name: timestamps.to_fixed_width_each(texts) for name, texts in texts_of.items()
        }
        for name, texts in fixed_of.items():
            for struct, before, text in zip(structs, texts_of[name], texts, strict=True):
                if text is not before:
                    setattr(struct, name, text)
        for name, value in context.items():
            for struct in structs:
                if getattr(struct, name) != value:
                    setattr(struct, name, value)
        moments = timestamps.exact_each(texts_of["updated_at"], fixed_of["updated_at"])
        return list(zip(keys, moments, structs, strict=True))

    def _row(self, row: Record, context: Mapping[str, Any]) -> Row:
        fields = as_dict(row)
        key = fields.get("id")
        if not key or not isinstance(key, str):
            msg = "a row has no usable id"
            raise ValueError(msg)
        try:
            moment = timestamps.exact(fields.get("updated_at"))
        except ValueError as error:
            msg = f"updated_at of row {key[:80]!r} is {error}"
            raise ValueError(msg) from None
        with suppress(msgspec.ValidationError, ValueError):
            struct = msgspec.convert(row, self._struct) if isinstance(row, dict) else row
            return self._at_once([struct], context)[0]
        return key, moment, self._builder.record(fields, context)
