"""Changes a catalog as people do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.support.syncs import Json


def entry(catalog: Json, stream: str) -> Any:
    (found,) = (it for it in catalog["streams"] if it["tap_stream_id"] == stream)
    return found


def metadata(catalog: Json, stream: str, *breadcrumb: str) -> Any:
    """Return the metadata of a stream, or of what lies at `breadcrumb`; it may be new."""
    items = entry(catalog, stream)["metadata"]
    for item in items:
        if item["breadcrumb"] == [*breadcrumb]:
            return item["metadata"]
    items.append({"breadcrumb": [*breadcrumb], "metadata": {}})
    return items[-1]["metadata"]


def selecting(catalog: Json, streams: Iterable[str]) -> Json:
    """Return `catalog` with just these streams selected."""
    chosen = set(streams)
    for it in catalog["streams"]:
        metadata(catalog, it["tap_stream_id"])["selected"] = it["tap_stream_id"] in chosen
    return catalog


def deselect(catalog: Json, stream: str, *fields: str) -> None:
    """Leave out fields, also those of which the catalog says that they always come."""
    for field in fields:
        found = metadata(catalog, stream, "properties", field)
        found.clear()
        found["selected"] = False
