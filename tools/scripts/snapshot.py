"""The catalog with one line for each stream and field, so that a schema changes only on purpose."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from scripts import everything


def catalog() -> str:
    """Return the text of the snapshot."""
    found = json.loads(everything.tap().catalog_json_text)
    lines = (
        f"{json.dumps(name)}: {json.dumps(content, ensure_ascii=False)}"
        for entry in found["streams"]
        for name, content in _lines(entry)
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _lines(entry: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield an entry of the catalog without its fields, and then each field with its metadata."""
    stream = entry["tap_stream_id"]
    metadata = {".".join(it["breadcrumb"][1::2]): it["metadata"] for it in entry.pop("metadata")}
    fields = entry["schema"].pop("properties")
    yield stream, {**entry, **metadata.pop("")}
    for name in {**fields, **metadata}:
        yield f"{stream}.{name}", {**fields.get(name, {}), **metadata.get(name, {})}
