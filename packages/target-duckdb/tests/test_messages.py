"""What each kind of message does, and the settings that change it."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.program import Loader, record, schema, state
from tests.support.types import INTEGER, OBJECT, TIMESTAMP

if TYPE_CHECKING:
    from pathlib import Path

_DECLARED = schema("it", {"id": INTEGER, "n": INTEGER})
_SETTINGS: list[dict[str, Any]] = [{}, {"stream_maps": {"it": {"n": "n"}}}]
# Without a time, so that every test process gives the test the same name.
_CUT_OFF = gzip.compress(b'{"id": 1}\n' * 1000, mtime=0)[:-20]


def _it(id_: int, n: Any, **rest: Any) -> dict[str, Any]:
    return record("it", {"id": id_, "n": n}, **rest)


def _pairs(loader: Loader) -> list[tuple[Any, ...]]:
    return loader.query("SELECT id, n FROM raw.it ORDER BY ALL")


@pytest.mark.parametrize("keys", [{}, {"key_properties": None}, {"key_properties": []}])
def test_records_without_keys_are_appended(loader: Loader, keys: dict[str, Any]) -> None:
    declared = {name: value for name, value in _DECLARED.items() if name != "key_properties"}
    loader.load([declared | keys, *[_it(1, 1)] * 2])
    loader.load([declared | keys, _it(1, 1)])

    assert _pairs(loader) == [(1, 1)] * 3


@pytest.mark.parametrize("keys", [1, True, "id", [["id"]], [{}], {"id": 1}, [None], ["id", 1]])
def test_keys_that_are_no_list_of_names_are_an_error(loader: Loader, keys: object) -> None:
    run = loader.run([_DECLARED | {"key_properties": keys}, _it(1, 1), state(1)])

    assert run.error == "it: its `key_properties` are no list of names"
    assert not run.states


def test_a_state_is_handed_on_after_the_rows_before_it(tmp_path: Path) -> None:
    loader = Loader(tmp_path, batch_size_rows=2)
    good = [_it(id_, 0) for id_ in range(4)]
    mixed = [state(0), *good[:2], state(1), good[2], state(2), good[3], state(3)]
    run = loader.run([_DECLARED, *mixed, _it(5, "many"), state(4)])

    assert 'cannot take "many"' in run.error
    assert run.states == [{"at": 0}, {"at": 2}]
    assert len(_pairs(loader)) == 4


def test_a_state_of_one_stream_waits_for_the_rows_of_all(tmp_path: Path) -> None:
    """Killed in between, the rows of the other stream would be lost."""
    loader = Loader(tmp_path, batch_size_rows=3)
    other = schema("other", {"id": INTEGER})
    run = loader.run([_DECLARED, other, record("other", {"id": "x"}), state(1), *[_it(1, 1)] * 2])

    assert not run.states
    assert run.exit_code == 1


def test_a_state_arrives_as_it_was(loader: Loader) -> None:
    value = {"at": 0.1, "text": "é\n\0", "big": 2**70, "deep": {"list": [None, True, 12345678.25]}}
    run = loader.load([{"type": "STATE", "value": value}])

    assert run.states == [value]


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
    # The second version is sent in two syncs, and what waits in each belongs to it.
    loader = Loader(tmp_path, **settings)
    loader.load([_DECLARED, _it(0, 0)])
    for version in (1, 2, 2):
        sent = [_it(id_, version, version=version) for id_ in range(version, 3)]
        loader.load([
            _DECLARED, *sent, {"type": "ACTIVATE_VERSION", "stream": "it", "version": version},
        ])  # fmt: skip

    found = [
        (it["id"], it["n"], it["_sdc_table_version"], it.get("_sdc_deleted_at") is not None)
        for it in loader.rows("it")
    ]
    assert sorted(found) == rows


def test_a_row_that_is_gone_keeps_the_moment_of_the_first_version_without_it(
    loader: Loader,
) -> None:
    moments = []
    for version in (1, 2, 3):
        sent = [_it(1, 1, version=version)] if version == 1 else []
        activate = {"type": "ACTIVATE_VERSION", "stream": "it", "version": version}
        loader.load([_DECLARED, *sent, activate])
        moments.append(loader.rows("it")[0].get("_sdc_deleted_at"))

    assert moments[0] is None
    assert moments[1] == moments[2] is not None


def test_what_waits_belongs_to_the_version_before(tmp_path: Path) -> None:
    loader = Loader(tmp_path, hard_delete=True)
    rows = [_it(id_, 1, version=id_) for id_ in (1, 2)]
    loader.load([_DECLARED, *rows, {"type": "ACTIVATE_VERSION", "stream": "it", "version": 2}])

    assert _pairs(loader) == [(2, 1)]


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


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("settings", _SETTINGS)
def test_batch_files_are_loaded_in_order_with_what_else_comes(
    tmp_path: Path, settings: dict[str, Any], packed: bool
) -> None:
    loader = Loader(tmp_path, **settings)
    files = []
    for number, rows in enumerate(([(1, 2), (2, 2)], [(2, 3)])):
        text = "\n".join(json.dumps({"id": id_, "n": n}) for id_, n in rows).encode()
        files.append(tmp_path / f"batch-{number}.jsonl")
        files[-1].write_bytes(gzip.compress(text) if packed else text)
    batch = {
        "type": "BATCH",
        "stream": "it",
        "encoding": {"format": "jsonl", "compression": "gzip" if packed else "none"},
        "manifest": [file.as_uri() for file in files],
    }
    loader.load([_DECLARED, _it(1, 1), batch, _it(3, 1), state(1)])

    assert _pairs(loader) == [(1, 2), (2, 3), (3, 1)]


@pytest.mark.parametrize(
    ("encoding", "content", "error"),
    [
        ("parquet", b"", "BATCH files are read as jsonl only"),
        ("jsonl", None, "cannot be read"),
        ("jsonl", _CUT_OFF, "cannot be read"),
        ("jsonl", b'{"id": 1}\n{"id": \n', "a record cannot be read"),
        ("jsonl", "no name", "The BATCH file None cannot be read"),
    ],
)
def test_a_batch_file_that_cannot_be_read_is_an_error(
    loader: Loader, encoding: str, content: bytes | str | None, error: str
) -> None:
    file = loader.directory / "batch"
    if isinstance(content, bytes):
        file.write_bytes(content)
    url = None if content == "no name" else file.as_uri()
    batch = {"type": "BATCH", "stream": "it", "encoding": {"format": encoding}, "manifest": [url]}
    run = loader.run([_DECLARED, batch, state(1)])

    assert error in run.error
    assert not run.states


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


def test_validation_refuses_what_a_column_would_take(tmp_path: Path) -> None:
    declared = schema("it", {"id": INTEGER, "text": {"type": "string", "maxLength": 3}})
    messages = [declared, record("it", {"id": 1, "text": "long"})]
    Loader(tmp_path).load(messages)
    run = Loader(tmp_path, validate_records=True).run(messages)

    assert run.error == "it: 'long' is too long"


@pytest.mark.parametrize("settings", _SETTINGS)
def test_a_schema_that_comes_again_unchanged_loads_nothing(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    """Taps send it again for each part of a stream; a load each time would take most of a sync."""
    loader = Loader(tmp_path, **settings)
    run = loader.load(it for n in range(5) for it in (_DECLARED, _it(n, n), state(n)))

    assert run.states == [{"at": 4}]
    assert len(_pairs(loader)) == 5
