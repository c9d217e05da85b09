"""What holds personal or security data, and a catalog that was made while it was offered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from singer_sdk.singerlib import Catalog, MetadataMapping

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from singer_sdk.singerlib import CatalogEntry

    from tap_dagctl.base import DagctlStream


def without_sensitive(
    catalog: Catalog, streams: Mapping[str, type[DagctlStream]]
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
