"""What each kind of message does, and the settings that change it."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.program import INTEGER, OBJECT, TEXT, TIMESTAMP, Loader, record, schema, state

if TYPE_CHECKING:
    from pathlib import Path

_DECLARED = schema("it", {"id": INTEGER, "n": INTEGER})
# Without a time, so that every test process gives the test the same name.
_CUT_OFF = gzip.compress(b'{"id": 1}\n' * 1000, mtime=0)[:-20]


def _pairs(loader: Loader) -> list[tuple[Any, ...]]:
    return loader.query("SELECT id, n FROM raw.it ORDER BY ALL")


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_the_last_record_of_a_key_wins_within_a_batch_and_across(tmp_path: Path, size: int) -> None:
    loader = Loader(tmp_path, batch_size_rows=size)
    values = [(1, 1), (2, 1), (1, 2), (1, 3), (2, 2), (3, 1), (1, 4)]
    loader.load([_DECLARED, *(record("it", {"id": id_, "n": n}) for id_, n in values)])

    assert _pairs(loader) == [(1, 4), (2, 2), (3, 1)]


def test_records_without_keys_are_appended(loader: Loader) -> None:
    messages = [schema("it", {"id": INTEGER, "n": INTEGER}, []), record("it", {"id": 1, "n": 1})]
    loader.load([*messages, messages[1]])
    loader.load(messages)

    assert _pairs(loader) == [(1, 1)] * 3


def test_key_properties_may_be_left_out(loader: Loader) -> None:
    declared = {name: value for name, value in _DECLARED.items() if name != "key_properties"}
    loader.load([declared, *[record("it", {"id": 1, "n": 1})] * 2])

    assert _pairs(loader) == [(1, 1)] * 2


def test_keys_of_several_columns(loader: Loader) -> None:
    declared = schema("it", {"id": INTEGER, "n": INTEGER, "text": TEXT}, ["n", "id"])
    rows = [(1, 1, "a"), (1, 2, "b"), (2, 1, "c"), (1, 1, "d")]
    loader.load([declared, *(record("it", {"id": i, "n": n, "text": t}) for i, n, t in rows)])

    assert loader.query("FROM raw.it ORDER BY ALL") == [(1, 1, "d"), (1, 2, "b"), (2, 1, "c")]


def test_a_state_is_handed_on_after_the_rows_before_it(tmp_path: Path) -> None:
    loader = Loader(tmp_path, batch_size_rows=2)
    good = [record("it", {"id": id_, "n": 0}) for id_ in range(4)]
    bad = record("it", {"id": 5, "n": "many"})
    mixed = [state(0), *good[:2], state(1), good[2], state(2), good[3], state(3), bad, state(4)]
    run = loader.run([_DECLARED, *mixed])

    assert 'cannot take "many"' in run.error
    assert run.states == [{"at": 0}, {"at": 2}]
    assert len(_pairs(loader)) == 4


def test_a_state_of_one_stream_waits_for_the_rows_of_all(tmp_path: Path) -> None:
    """Killed in between, the rows of the other stream would be lost."""
    loader = Loader(tmp_path, batch_size_rows=3)
    other = schema("other", {"id": INTEGER})
    bad = record("other", {"id": "x"})
    run = loader.run([_DECLARED, other, bad, state(1), *[record("it", {"id": 1, "n": 1})] * 2])

    assert not run.states
    assert run.exit_code == 1


def test_a_state_arrives_as_it_was(loader: Loader) -> None:
    value = {"at": 0.1, "text": "é\n\0", "big": 2**70, "deep": {"list": [None, True, 12345678.25]}}
    run = loader.load([{"type": "STATE", "value": value}])

    assert run.states == [value]


def test_versions_that_are_over_are_marked(loader: Loader) -> None:
    for version in (1, 2):
        rows = [
            record("it", {"id": id_, "n": version}, version=version) for id_ in range(version, 3)
        ]
        run = loader.load([
            _DECLARED, *rows, {"type": "ACTIVATE_VERSION", "stream": "it", "version": version},
        ])  # fmt: skip
        assert run.exit_code == 0

    found = loader.query("SELECT id, n, _sdc_table_version, _sdc_deleted_at IS NULL FROM raw.it")
    assert sorted(found) == [(1, 1, 1, False), (2, 2, 2, True)]


def test_what_waits_belongs_to_the_version_before(tmp_path: Path) -> None:
    loader = Loader(tmp_path, hard_delete=True)
    rows = [record("it", {"id": id_, "n": 1}, version=id_) for id_ in (1, 2)]
    loader.load([_DECLARED, *rows, {"type": "ACTIVATE_VERSION", "stream": "it", "version": 2}])

    assert _pairs(loader) == [(2, 1)]


def test_versions_that_are_over_are_removed(tmp_path: Path) -> None:
    loader = Loader(tmp_path, hard_delete=True)
    loader.load([_DECLARED, record("it", {"id": 0, "n": 0})])
    for version in (1, 2):
        rows = [
            record("it", {"id": id_, "n": version}, version=version) for id_ in range(version, 3)
        ]
        loader.load([
            _DECLARED, *rows, {"type": "ACTIVATE_VERSION", "stream": "it", "version": version},
        ])  # fmt: skip

    assert _pairs(loader) == [(2, 2)]


def test_versions_are_left_alone_if_asked_for(tmp_path: Path) -> None:
    loader = Loader(tmp_path, hard_delete=True, process_activate_version_messages=False)
    activate = {"type": "ACTIVATE_VERSION", "stream": "it", "version": 9}
    loader.load([_DECLARED, record("it", {"id": 1, "n": 1}), activate])

    assert _pairs(loader) == [(1, 1)]


@pytest.mark.parametrize("hard", [True, False])
def test_a_record_that_says_it_was_deleted(tmp_path: Path, hard: bool) -> None:
    loader = Loader(tmp_path, hard_delete=hard)
    declared = schema("it", {"id": INTEGER, "n": INTEGER, "_sdc_deleted_at": TIMESTAMP})
    gone = {"id": 1, "n": 1, "_sdc_deleted_at": "2026-03-02T05:00:00+01:00"}
    loader.load([declared, *(record("it", {"id": id_, "n": 1}) for id_ in (1, 2))])
    loader.load([declared, record("it", gone)])

    at = datetime(2026, 3, 2, 4)  # noqa: DTZ001
    found = loader.query("SELECT id, _sdc_deleted_at FROM raw.it ORDER BY id")
    assert found == ([(2, None)] if hard else [(1, at), (2, None)])


def test_a_row_is_not_deleted_at_what_is_no_time(tmp_path: Path) -> None:
    loader = Loader(tmp_path, hard_delete=True)
    declared = schema("it", {"id": INTEGER, "n": INTEGER, "_sdc_deleted_at": TIMESTAMP})
    loader.load([declared, record("it", {"id": 1, "n": 1})])
    run = loader.run([declared, record("it", {"id": 1, "n": 2, "_sdc_deleted_at": ""})])

    assert "it: `_sdc_deleted_at` of a record is no timestamp" in run.error
    assert _pairs(loader) == [(1, 1)]


def test_metadata_tells_when_and_from_where(tmp_path: Path) -> None:
    loader = Loader(tmp_path, add_record_metadata=True)
    read = "2026-03-02T07:00:00.5+02:00"
    rows = [
        record("it", {"id": 1, "n": 1}, time_extracted=read, version=7),
        record("it", {"id": 2, "n": 1}),
    ]
    loader.load([_DECLARED, *rows])

    first, second = loader.rows("it")
    assert first["_sdc_extracted_at"] == datetime(2026, 3, 2, 5, 0, 0, 500000)  # noqa: DTZ001
    assert (first["_sdc_table_version"], first["_sdc_deleted_at"]) == (7, None)
    assert first["_sdc_sync_started_at"] <= first["_sdc_sequence"]
    assert first["_sdc_batched_at"] == first["_sdc_received_at"] == second["_sdc_batched_at"]
    assert (second["_sdc_extracted_at"], second["_sdc_table_version"]) == (None, None)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("settings", [{}, {"stream_maps": {"it": {"n": "n + 1"}}}])
def test_batch_files_are_loaded_in_order_with_what_else_comes(
    tmp_path: Path, settings: dict[str, Any], packed: bool
) -> None:
    loader = Loader(tmp_path, **settings)
    files = []
    for number, rows in enumerate(([(1, 2), (2, 2)], [(2, 3)])):
        text = "".join(json.dumps({"id": id_, "n": n}) + "\n" for id_, n in rows).rstrip("\n")
        files.append(tmp_path / f"batch-{number}.jsonl")
        files[-1].write_bytes(gzip.compress(text.encode(), mtime=0) if packed else text.encode())
    batch = {
        "type": "BATCH",
        "stream": "it",
        "encoding": {"format": "jsonl", "compression": "gzip" if packed else "none"},
        "manifest": [file.as_uri() for file in files],
    }
    before, after = (record("it", {"id": id_, "n": n}) for id_, n in ((1, 1), (3, 1)))
    loader.load([_DECLARED, before, batch, after, state(1)])

    more = bool(settings)
    assert _pairs(loader) == [(1, 2 + more), (2, 3 + more), (3, 1 + more)]


@pytest.mark.parametrize(
    ("encoding", "content", "error"),
    [
        ({"format": "parquet"}, b"", "BATCH files are read as jsonl only"),
        ({"format": "jsonl"}, None, "cannot be read"),
        ({"format": "jsonl"}, _CUT_OFF, "cannot be read"),
        ({"format": "jsonl"}, b'{"id": 1}\n{"id": \n', "a record cannot be read"),
    ],
)
def test_a_batch_file_that_cannot_be_read_is_an_error(
    loader: Loader, encoding: dict[str, str], content: bytes | None, error: str
) -> None:
    file = loader.directory / "batch"
    if content is not None:
        file.write_bytes(content)
    batch = {"type": "BATCH", "stream": "it", "encoding": encoding, "manifest": [file.as_uri()]}
    run = loader.run([_DECLARED, batch, state(1)])

    assert error in run.error
    assert not run.states


def test_a_batch_file_that_has_no_name_is_an_error(loader: Loader) -> None:
    batch = {"type": "BATCH", "stream": "it", "encoding": {"format": "jsonl"}, "manifest": [None]}

    assert "The BATCH file None cannot be read" in loader.run([_DECLARED, batch]).error


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


@pytest.mark.parametrize("settings", [{}, {"stream_maps": {"it": {"n": "n"}}}])
def test_a_schema_that_comes_again_unchanged_loads_nothing(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    """Taps send it again for each part of a stream; a load each time would take most of a sync."""
    loader = Loader(tmp_path, **settings)
    messages = [
        it for n in range(5) for it in (_DECLARED, record("it", {"id": n, "n": n}), state(n))
    ]
    run = loader.load(messages)

    assert run.states == [{"at": 4}]
    assert len(_pairs(loader)) == 5
