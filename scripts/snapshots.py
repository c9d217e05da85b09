"""The catalog entry of each stream: a schema changes by a decision, not by the way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scripts import everything

if TYPE_CHECKING:
    from collections.abc import Iterator


def catalog_entries() -> Iterator[tuple[str, str]]:
    """Yield the name of each stream, and its entry as discovery writes it."""
    catalog = json.loads(everything.tap().catalog_json_text)
    for entry in catalog["streams"]:
        yield entry["tap_stream_id"], json.dumps(entry, indent=2) + "\n"
