"""The catalog handed to the tap: whether it can be read, and what of it is not offered any more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from singer_sdk.singerlib import Catalog, MetadataMapping

from tap_dagctl.errors import ConfigurationError, one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

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


_ADVICE = "take that out of the catalog, or of `metadata` in meltano.yml"


def check_replication(stream: str, replication_key: str | None, entry: CatalogEntry) -> None:
    """Check that a stream can be replicated as its entry says.

    Args:
        stream: its name.
        replication_key: its replication key, if it has one.
        entry: its entry in the catalog.

    Raises:
        ConfigurationError: it cannot.
    """
    metadata = entry.metadata.root
    only = replication_key or "reading it whole"
    for wanted in (entry.replication_key, metadata.replication_key):
        if wanted and wanted != replication_key:
            msg = f"{stream} cannot be replicated by {one_line(wanted)}, only by {only}; {_ADVICE}"
            raise ConfigurationError(msg)
    methods = {entry.replication_method, metadata.forced_replication_method}
    if "INCREMENTAL" in methods and replication_key is None:
        msg = f"{stream} cannot be replicated by INCREMENTAL, only by {only}; {_ADVICE}"
        raise ConfigurationError(msg)


def keys_of(
    stream: str, schema: Mapping[str, Any], own: Sequence[str], entry: CatalogEntry
) -> Sequence[str]:
    """Return the keys that an entry gives a stream; the tap's own where it says nothing else.

    Args:
        stream: its name.
        schema: the tap's own schema of it.
        own: the tap's own keys.
        entry: its entry in the catalog.

    Raises:
        ConfigurationError: rows would overwrite each other, or a key could be null.
    """
    keys = own
    for given in (entry.key_properties, entry.metadata.root.table_key_properties):
        if given and set(given) != set(own):
            if not set(own) <= set(given) <= set(schema["required"]):
                msg = (
                    f"{stream} cannot have the key {one_line(', '.join(given))}, only "
                    f"{', '.join(own)}; {_ADVICE}"
                )
                raise ConfigurationError(msg)
            keys = given
    return keys


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
