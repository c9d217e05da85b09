"""What each kind of message does, and the settings that change it."""

from __future__ import annotations

import gzip
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import Loader, record, schema, state
from tests.support.types import INTEGER, OBJECT, TIMESTAMP

_DECLARED = schema("it", {"id": INTEGER, "n": INTEGER})


def _it(id_: int, n: Any, **rest: Any) -> dict[str, Any]:
    return record("it", {"id": id_, "n": n}, **rest)


def _activate(version: int) -> dict[str, Any]:
    return {"type": "ACTIVATE_VERSION", "stream": "it", "version": version}


def _pairs(loader: Loader) -> list[tuple[Any, ...]]:
    return loader.query("SELECT id, n FROM raw.it ORDER BY ALL")


def test_records_without_keys_are_appended(loader: Loader) -> None:
    declared = {name: value for name, value in _DECLARED.items() if name != "key_properties"}
    for head in (declared, _DECLARED | {"key_properties": None}, schema("it", {"id": INTEGER}, [])):
        loader.load([head, _it(1, 1), _it(1, 1)])

    assert [row["id"] for row in loader.rows("it")] == [1] * 6


def test_a_key_may_be_several_columns(loader: Loader) -> None:
    head = _DECLARED | {"key_properties": ["n", "id"]}
    for _ in range(2):
        loader.load([head, _it(1, 1), _it(1, 2), _it(2, 1), _it(1, 1)])

    assert _pairs(loader) == [(1, 1), (1, 2), (2, 1)]


def test_a_state_is_handed_on_after_the_rows_of_all_streams_before_it(tmp_path: Path) -> None:
    loader = Loader(tmp_path, batch_size_rows=2)
    other = [schema("other", {"id": INTEGER}), record("other", {"id": 2})]
    mixed = [state(0), _it(0, 0), _it(1, 0), state(1), *other, state(2), _it(3, 0), state(3)]
    run = loader.run([_DECLARED, *mixed, _it(5, "many"), state(4)])

    assert 'cannot take "many"' in run.error
    assert run.states == [{"at": 0}, {"at": 2}]
    assert (len(_pairs(loader)), len(loader.rows("other"))) == (3, 1)


@pytest.mark.parametrize("bound", ["_BYTES", "_SECONDS"])
def test_a_batch_ends_when_it_is_large_or_old(loader: Loader, bound: str) -> None:
    """A slow tap would bring no state for hours, and large records fill the disk."""
    script = (
        "import sys\n"
        "from target_duckdb import singer, target\n"
        f"singer.{bound} = 0\n"
        "del sys.argv[0]\n"
        "target.TargetDuckDB.cli()"
    )
    messages = [_DECLARED, *(it for n in range(3) for it in (_it(n, n), state(n)))]
    run = loader.run_program(messages, sys.executable, "-c", script)

    assert run.states == [{"at": n} for n in range(3)], run.stderr


def test_a_state_arrives_as_it_was(loader: Loader) -> None:
    value = {"at": 0.1, "text": "é\n\0", "big": 2**70, "deep": {"list": [None, True, 12345678.25]}}

    assert loader.load([{"type": "STATE", "value": value}]).states == [value]


@pytest.mark.parametrize(
    ("settings", "rows"),
    [
        ({}, [(0, 0, None, True), (1, 1, 1, True), (2, 2, 2, False)]),
        ({"hard_delete": True}, [(2, 2, 2, False)]),
        (
            {"hard_delete": True, "process_activate_version_messages": False},
            [(0, 0, None, False), (1, 1, 1, False), (2, 2, 2, False)],
        ),
    ],
)
def test_versions_that_are_over_are_marked_removed_or_left(
    tmp_path: Path, settings: dict[str, Any], rows: list[Any]
) -> None:
    loader = Loader(tmp_path, **settings)
    loader.load([_DECLARED, _it(0, 0)])
    first = [_it(1, 1, version=1), _it(2, 1, version=1), _activate(1)]
    # The second version is sent in two syncs. When it begins, what is of the first still waits.
    for before in (first, []):
        loader.load([_DECLARED, *before, _it(2, 2, version=2), _activate(2)])
        found = [
            (it["id"], it["n"], it["_sdc_table_version"], it.get("_sdc_deleted_at") is not None)
            for it in loader.rows("it")
        ]
        assert sorted(found) == rows


def test_a_row_that_is_gone_keeps_the_moment_of_the_first_version_without_it(
    loader: Loader,
) -> None:
    loader.load([_DECLARED, _it(1, 1, version=1), _activate(1), _activate(2)])
    before = loader.rows("it")
    loader.load([_DECLARED, _activate(3)])

    assert before == loader.rows("it")
    assert before[0]["_sdc_deleted_at"] is not None


@pytest.mark.parametrize("hard", [True, False])
def test_a_record_that_says_it_was_deleted(tmp_path: Path, hard: bool) -> None:
    loader = Loader(tmp_path, hard_delete=hard)
    declared = schema("it", {"id": INTEGER, "n": INTEGER, "_sdc_deleted_at": TIMESTAMP})
    gone = {"id": 1, "n": 1, "_sdc_deleted_at": "2026-03-02T05:00:00+01:00"}
    loader.load([declared, *(_it(id_, 1) for id_ in (1, 2))])
    run = loader.run([declared, record("it", {"id": 1, "n": 2, "_sdc_deleted_at": ""})])
    assert "it: `_sdc_deleted_at` of a record is no timestamp" in run.error
    assert _pairs(loader) == [(1, 1), (2, 1)]

    loader.load([declared, record("it", gone)])
    at = datetime(2026, 3, 2, 4)  # noqa: DTZ001
    found = loader.query("SELECT id, _sdc_deleted_at FROM raw.it ORDER BY id")
    assert found == ([(2, None)] if hard else [(1, at), (2, None)])


def test_metadata_tells_when_and_from_where(tmp_path: Path) -> None:
    loader = Loader(tmp_path, add_record_metadata=True)
    read = "2026-03-02T07:00:00.5+02:00"
    loader.load([_DECLARED, _it(1, 1, time_extracted=read, version=7), _it(2, 1)])

    first, second = loader.rows("it")
    assert first["_sdc_extracted_at"] == datetime(2026, 3, 2, 5, 0, 0, 500000)  # noqa: DTZ001
    assert (first["_sdc_table_version"], first["_sdc_deleted_at"]) == (7, None)
    assert first["_sdc_sync_started_at"] <= first["_sdc_sequence"]
    assert first["_sdc_batched_at"] == first["_sdc_received_at"] == second["_sdc_batched_at"]
    assert (second["_sdc_extracted_at"], second["_sdc_table_version"]) == (None, None)


# Without maps, and with one, which the SDK leaves out of files.
@pytest.mark.parametrize(
    ("settings", "packed", "more"),
    [({}, True, 0), ({"stream_maps": {"it": {"n": "n + 1"}}}, False, 1)],
)
def test_batch_files_are_loaded_in_order_with_what_else_comes(
    tmp_path: Path, settings: dict[str, Any], packed: bool, more: int
) -> None:
    loader = Loader(tmp_path, **settings)
    files = []
    for number, text in enumerate((b'{"id": 1, "n": 2}\n{"id": 2, "n": 2}', b'{"id": 2, "n": 3}')):
        files.append(tmp_path / f"batch-{number}.jsonl")
        files[-1].write_bytes(gzip.compress(text) if packed else text)
    batch = {
        "type": "BATCH",
        "stream": "it",
        "encoding": {"format": "jsonl", "compression": "gzip" if packed else "none"},
        "manifest": [file.as_uri() for file in files],
    }
    loader.load([_DECLARED, _it(1, 1), batch, _it(3, 1), state(1)])

    assert _pairs(loader) == [(1, 2 + more), (2, 3 + more), (3, 1 + more)]


def test_stream_maps_and_flattening(tmp_path: Path) -> None:
    maps = {
        "it": {"__alias__": "that", "n": "n * 2", "o": "__NULL__", "copy": "str(n)"},
        "none": "__NULL__",
    }
    loader = Loader(tmp_path, stream_maps=maps, flattening_enabled=True, flattening_max_depth=2)
    nested = {"type": "object", "properties": {"a": OBJECT | {"properties": {"b": INTEGER}}}}
    loader.load([
        schema("it", {"id": INTEGER, "n": INTEGER, "o": OBJECT}),
        schema("none", {"id": INTEGER}),
        schema("deep", {"id": INTEGER, "o": nested}),
        record("it", {"id": 1, "n": 2, "o": {"x": 1}}),
        record("none", {"id": 1}),
        record("deep", {"id": 1, "o": {"a": {"b": 5}}}),
    ])  # fmt: skip

    assert loader.rows("that") == [{"id": 1, "n": 4, "copy": "2"}]
    assert loader.rows("deep") == [{"id": 1, "o__a__b": 5}]
    names = loader.query("SELECT table_name FROM duckdb_tables() ORDER BY ALL")
    assert names == [("deep",), ("that",)]


@pytest.mark.parametrize("settings", [{}, {"add_record_metadata": True}])
def test_a_schema_that_comes_again_unchanged_loads_nothing(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    """Taps send it again for each part of a stream; a load each time would take most of a sync."""
    loader = Loader(tmp_path, **settings)
    run = loader.load(it for n in range(5) for it in (_DECLARED, _it(n, n), state(n)))

    assert run.states == [{"at": 4}]
    assert len(_pairs(loader)) == 5
