"""What docs/targets.md says of loaders is what `make loaders` has found."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from stand_in.server import serving
from tests.support.loaders import stores
from tests.support.loaders.chain import Loader, run
from tests.support.loaders.comparison import compare
from tests.support.loaders.findings import findings
from tests.support.loaders.history import AwkwardHistory
from tests.support.loaders.ways import WAYS, stream_maps
from tests.support.project import ROOT
from tests.support.syncs import config_of, run_tap
from tests.support.truth import OBJECTS

if TYPE_CHECKING:
    from pathlib import Path

TARGET_JSONL = ROOT / ".meltano" / "loaders" / "target-jsonl" / "venv" / "bin" / "target-jsonl"


def test_every_way_has_a_finding_in_words_and_figures() -> None:
    assert list(findings()) == [way.name for way in WAYS]
    for finding in findings().values():
        assert all(finding[words] for words in ("settings", "differs", "whose"))
        assert (finding["measured"]["rows_equal"] == finding["measured"]["rows"]) == (
            not finding["measured"]["differs"]
        )


def test_a_loader_that_is_here_does_what_is_recorded(tmp_path: Path) -> None:
    history = AwkwardHistory()
    settings = {"destination_path": str(tmp_path), "do_timestamp_file": False}
    chain = run(Loader([str(TARGET_JSONL)], settings), history, tmp_path)
    comparison = compare(stores.of_json_lines(tmp_path), history.expected())

    recorded = findings()["target-jsonl"]["measured"]
    assert chain.failure is recorded["failure"] is None
    assert comparison.differs == recorded["differs"] == []
    assert comparison.rows_equal == recorded["rows"]


def test_the_stream_maps_of_the_page_make_text_of_every_object(tmp_path: Path) -> None:
    history = AwkwardHistory()
    with serving(history.world) as api:
        messages = run_tap(tmp_path, config_of(api, stream_maps=stream_maps())).stdout
    settings = {"destination_path": str(tmp_path), "do_timestamp_file": False}
    (tmp_path / "target.json").write_text(json.dumps(settings))
    loader = [str(TARGET_JSONL), "--config", str(tmp_path / "target.json")]
    subprocess.run(loader, input=messages, check=True, capture_output=True, text=True)
    lines = [line for path in tmp_path.glob("*.jsonl") for line in path.read_text().splitlines()]
    records = [json.loads(line) for line in lines]
    values = [record[name] for record in records for name in OBJECTS & record.keys()]

    assert {type(value) for value in values} == {str, type(None)}
    # The objects in these texts are those of the API.
    assert compare(stores.of_json_lines(tmp_path), history.expected()).differs == []


ROW = {"id": "a", "description": "", "run_tests": True}


@pytest.mark.parametrize(
    ("found", "differs"),
    [
        (
            {("a",): ROW | {"description": None}},
            "projects.description: 1 of 1, such as '' is null ('a')",
        ),
        ({("a",): ROW | {"run_tests": 1}}, "projects.run_tests: 1 of 1, such as True is 1 ('a')"),
        (
            {("a",): {"id": "a", "description": ""}},
            "projects.run_tests: 1 of 1, such as True is null ('a')",
        ),
        ({}, "projects: 1 of 1 rows missing"),
        ({("a",): ROW, ("b",): ROW}, "projects: 1 rows too many"),
    ],
)
def test_what_is_only_like_another_differs(found: Any, differs: str) -> None:
    comparison = compare({"projects": found}, {"projects": {("a",): ROW}})

    assert comparison.differs == [differs]
    fields = 3 if len(found) == 2 else 2 * len(found)
    assert (comparison.fields_equal, comparison.fields) == (fields, 3)
    assert (comparison.rows_equal, comparison.rows) == (fields == 3, 1)


def test_a_key_that_a_table_holds_twice_is_a_row_too_many(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema s; create table s.projects as select 'a' as id")
        connection.execute("insert into s.projects values ('a')")

    comparison = compare(stores.of_duckdb(path, "s"), {"projects": {("a",): {"id": "a"}}})

    assert comparison.differs == ["projects: 1 rows too many"]
