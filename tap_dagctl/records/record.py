"""A record, and a row of a page with what it is recognised by."""

from __future__ import annotations

from typing import Any

import msgspec

from tap_dagctl.schemas import ADDITIONAL_PROPERTIES

# From the builder a dict; the fast path makes a struct, which takes a third of the time.
Record = dict[str, Any] | msgspec.Struct
# The row's `id`, its `updated_at` as `timestamps.exact` writes it, and its record. Without names:
# a named tuple takes 3 % more of a long sync.
Row = tuple[str, str, Record]


def as_dict(record: Record) -> dict[str, Any]:
    return record if isinstance(record, dict) else msgspec.structs.asdict(record)


def known_fields(record: Record) -> dict[str, Any]:
    """Return the fields of `record` that the schema names, by which its versions are told apart."""
    return {**as_dict(record), ADDITIONAL_PROPERTIES: None}
