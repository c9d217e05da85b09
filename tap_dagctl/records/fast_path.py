"""From the rows of a page to records: fast for rows that fit the schema, as nearly all do.

While msgspec decodes an answer it can check types, refuse unknown fields and fill in missing ones.
That makes a row a struct that already is the record, in a third of the time. A row that does not
fit goes through `builder`, which loses nothing of it. A row gives the same record whatever other
rows are in its page, so that records can be compared.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any

import msgspec

from tap_dagctl import timestamps
from tap_dagctl.api.decoding import MAX_INTEGER, MIN_INTEGER, decode_json, has_huge_integer, has_nul
from tap_dagctl.records.record import Record, Row, as_dict
from tap_dagctl.schemas import ADDITIONAL_PROPERTIES, kinds_of

_Integer = Annotated[int, msgspec.Meta(ge=MIN_INTEGER, le=MAX_INTEGER)]
# Every integer up to there is a double, too.
_SmallInteger = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
_TYPES: dict[str, Any] = {
    "string": str | None,
    "boolean": bool | None,
    "integer": _Integer | None,
    "number": _SmallInteger | float | None,
    "object": dict[str, Any] | None,
}
_REQUIRED = ("id", "updated_at")
_COUNTS = ("total", "page", "limit", "total_pages")


class RowReader:
    """Reads the rows of one stream whose rows have an `id` and an `updated_at`.

    Rows that do not fit a struct of the schema go through `record_of`.
    """

    def __init__(
        self,
        rows_key: str,
        schema: Mapping[str, Any],
        record_of: Callable[[Mapping[str, Any], Mapping[str, Any]], Record],
    ) -> None:
        fields = schema["properties"]
        self.rows_key, self._record_of = rows_key, record_of
        self._times = [name for name, field in fields.items() if field.get("format") == "date-time"]
        kinds = {name: _TYPES[kinds_of(field)[0]] for name, field in fields.items()}
        # A row that has this field itself does not fit, unless it is null there.
        kinds[ADDITIONAL_PROPERTIES] = None
        # The decoder does not check what is inside these.
        self._objects = [name for name, kind in kinds.items() if kind == _TYPES["object"]]
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
        counts = ((name, Any, None) for name in _COUNTS)
        self._decoder = msgspec.json.Decoder(msgspec.defstruct("Body", [(rows_key, rows), *counts]))

    def decode(self, content: bytes) -> object:
        """Return the body of an answer, its rows as structs if all of them fit."""
        if not has_nul(content):
            with suppress(msgspec.MsgspecError, UnicodeError, RecursionError):
                body = msgspec.structs.asdict(self._decoder.decode(content))
                rows = body[self.rows_key] or ()
                unchecked = [body[name] for name in _COUNTS]
                unchecked += [getattr(row, name) for name in self._objects for row in rows]
                if not has_huge_integer(unchecked):
                    return body
        return decode_json(content)

    def read(self, rows: Sequence[Any], context: Mapping[str, Any]) -> list[Row]:
        """Return the rows of a body that `decode` returned: all structs, or all dicts.

        Every record gets the fields of `context`, whatever the row has in them. A ValueError says
        that a row has no usable `id` or `updated_at`.
        """
        if rows and isinstance(rows[0], self._struct):
            with suppress(ValueError):
                return self._complete(rows, context)
        return [self._row(row, context) for row in rows]

    def _complete(self, structs: Sequence[Any], context: Mapping[str, Any]) -> list[Row]:
        """Return the rows of `structs`, with the context and timestamps of fixed width."""
        keys = [struct.id for struct in structs]
        if not all(keys):
            raise ValueError("a key is empty")
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
            raise ValueError("a row has no usable id")
        try:
            moment = timestamps.exact(fields.get("updated_at"))
        except ValueError as error:
            raise ValueError(f"updated_at of row {key[:80]!r} is {error}") from None
        with suppress(msgspec.ValidationError, ValueError):
            struct = msgspec.convert(row, self._struct) if isinstance(row, dict) else row
            return self._complete([struct], context)[0]
        return key, moment, self._record_of(fields, context)
