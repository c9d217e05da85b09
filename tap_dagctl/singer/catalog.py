"""The catalog handed to the tap: whether it can be read, and what of it is not offered any more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from singer_sdk.singerlib import Catalog, MetadataMapping

from tap_dagctl.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from singer_sdk.singerlib import CatalogEntry

    from tap_dagctl.singer.stream import PagewiseStream

_Method = Literal["FULL_TABLE", "INCREMENTAL"]


class _StreamMetadata(msgspec.Struct, rename="kebab"):
    forced_replication_method: _Method | None = None
    replication_key: str | None = None
    replication_method: _Method | None = None
    selected: bool | None = None
    table_key_properties: list[str] | None = None


class _Metadata(msgspec.Struct):
    breadcrumb: list[str]
    metadata: _StreamMetadata


class _Schema(msgspec.Struct):
    properties: dict[str, dict[str, Any]] = {}


class _Stream(msgspec.Struct):
    """What an entry does not say is as the tap itself has it."""

    tap_stream_id: str
    key_properties: list[str] | None = None
    metadata: list[_Metadata] = []
    replication_key: str | None = None
    replication_method: _Method | None = None
    schema: _Schema = msgspec.field(default_factory=_Schema)


class _Catalog(msgspec.Struct):
    streams: list[_Stream]


def check_catalog(catalog: Mapping[str, Any]) -> None:
    """Check that `catalog` can be read; the SDK would fail on it somewhere within the sync.

    A `replication-method` of a stream's own metadata becomes the one the SDK heeds.

    Raises:
        ConfigurationError: it cannot, naming the place.
    """
    try:
        msgspec.convert(catalog, _Catalog)
    except msgspec.ValidationError as error:
        msg = f"The catalog cannot be read: {error}; make a new one with `tap-dagctl --discover`"
        raise ConfigurationError(msg) from None
    for entry in catalog["streams"]:
        for item in entry.get("metadata", ()):
            metadata = item["metadata"]
            if not item["breadcrumb"] and (method := metadata.get("replication-method")):
                metadata["forced-replication-method"] = (
                    metadata.get("forced-replication-method") or method
                )


def without_sensitive(
    catalog: Catalog, streams: Mapping[str, type[PagewiseStream]]
) -> tuple[Catalog, list[str]]:
    """Return `catalog` without what is sensitive, and the names of what it selects of that.

    Args:
        catalog: may list streams and fields that are not offered any more.
        streams: every stream there is, by name.
    """
    kept, selected = Catalog(catalog), []
    for name, stream in streams.items():
        entry = catalog.get_stream(name)
        if entry is None:
            continue
        mask = entry.metadata.resolve_selection()
        if stream.is_sensitive:
            del kept[name]
            selected += [name] * mask[()]
        elif stream.sensitive_fields:
            kept[name] = _without_fields(entry, stream.sensitive_fields)
            selected += [
                f"{name}.{field}"
                for field in stream.sensitive_fields
                if field in (entry.schema.properties or {}) and mask["properties", field]
            ]
    return kept, selected


def _without_fields(entry: CatalogEntry, fields: Collection[str]) -> CatalogEntry:
    properties = entry.schema.properties or {}
    schema = replace(
        entry.schema,
        properties={name: field for name, field in properties.items() if name not in fields},
    )
    metadata = MetadataMapping(
        (breadcrumb, metadata)
        for breadcrumb, metadata in entry.metadata.items()
        if breadcrumb[1:2] not in {(field,) for field in fields}
    )
    return replace(entry, schema=schema, metadata=metadata)
