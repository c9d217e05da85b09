"""What docs/targets.md says of loaders is what `make loaders` has found."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.loaders.findings import findings
from tests.support.loaders.ways import WAYS, measured, stream_maps
from tests.support.project import ROOT
from tests.support.truth import OBJECTS, difference

if TYPE_CHECKING:
    from pathlib import Path

TARGET_JSONL = ROOT / ".meltano" / "loaders" / "target-jsonl" / "venv" / "bin" / "target-jsonl"


def test_every_way_has_a_finding_in_words_and_figures() -> None:
    assert findings().keys() == WAYS.keys()
    for finding in findings().values():
        assert all(finding[words] for words in ("settings", "differs", "whose"))
        found = finding["measured"]
        assert (found["rows_equal"] == found["rows"]) == (not found["differs"])


def test_a_loader_that_is_here_does_what_is_recorded_with_the_pages_maps_too(
    tmp_path: Path,
) -> None:
    way = WAYS["target-jsonl"]
    for name, settings in (("objects", {}), ("texts", {"stream_maps": stream_maps()})):
        (tmp_path / name).mkdir()
        found = measured(replace(way, tap=settings), tmp_path / name, str(TARGET_JSONL))
        assert found == findings()["target-jsonl"]["measured"]
        assert found["differs"] == {}
    # The objects in these texts are those of the API.
    paths = tmp_path.glob("texts/*.jsonl")
    lines = [it for path in paths for it in path.read_text().splitlines()]
    values = [row[name] for row in map(json.loads, lines) for name in OBJECTS & row.keys()]
    assert {type(value) for value in values} == {str, type(None)}


ROW = {"id": "a", "description": "", "run_tests": True}


@pytest.mark.parametrize(
    ("found", "differs"),
    [
        ({("a",): ROW | {"description": None}}, "projects.description of ('a',) is None, not ''"),
        ({("a",): ROW | {"run_tests": 1}}, "projects.run_tests of ('a',) is 1, not True"),
        ({}, "projects: no row of ('a',)"),
        ({("a",): ROW, ("b",): ROW}, "projects: a row too many of ('b',)"),
    ],
)
def test_what_is_only_like_another_differs(found: Any, differs: str) -> None:
    assert difference("projects", found, {("a",): ROW}) == [differs]
