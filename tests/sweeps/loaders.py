"""Loaders that people use, compared row by row with what the API holds: `make loaders`."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.support.loaders.history import AwkwardHistory
from tests.support.loaders.ways import FINDINGS, SNOWFLAKE, WAYS, findings, load
from tests.support.programs import install
from tests.support.truth import differences, same


@pytest.mark.parametrize("name", WAYS)
def test_it_loads_as_recorded(name: str, tmp_path: Path) -> None:
    """What differs is counted without keys and values; with RECORD=1, it is written as expected."""
    way, history, recorded = WAYS[name], AwkwardHistory(), findings()
    for group in (way.environment, "fakesnow" if name == SNOWFLAKE else None):
        if group:
            install(group)
    with way.open(tmp_path) as store:
        load(way, store, history, tmp_path)
        found = store.read()
    expected = history.expected()
    equal = [
        same(found[table].get(key), row)
        for table, rows in expected.items()
        for key, row in rows.items()
    ]
    differs = Counter(line.partition(" of ")[0] for line in differences(found, expected))
    measured = {
        "rows": len(equal),
        "rows_equal": sum(equal),
        "differs": dict(sorted(differs.items())),
    }
    if "RECORD" in os.environ:
        words = {"settings": "", "differs": "", "whose": "", **recorded.get(name, {})}
        recorded[name] = {**words, "measured": measured}
        FINDINGS.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")
    assert measured == recorded[name]["measured"]
