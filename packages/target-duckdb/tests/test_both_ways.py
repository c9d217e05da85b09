"""The short way over whole lines loads what the long way does, record by record."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.histories import histories
from tests.support.program import INTEGER, TEXT, Loader, record, schema

if TYPE_CHECKING:
    from tests.support.forks import Forks
    from tests.support.histories import History

EXAMPLES = int(os.environ.get("EXAMPLES", "15"))
_LONG = {"validate_records": True}


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=histories(), metadata=st.booleans())
def test_both_ways_load_the_same(many: Forks, history: History, metadata: bool) -> None:
    rest = {"time_extracted": "2026-03-02T05:59:30Z", "version": 3}
    messages = [it | rest if it["type"] == "RECORD" else it for it in history.messages]
    tables = []
    for more in ({}, _LONG):
        with tempfile.TemporaryDirectory() as directory:
            loader = Loader(Path(directory), add_record_metadata=metadata, **more)
            run = many.run(loader, messages)
            assert run.exit_code == 0, run.stderr
            tables.append([_without_times(loader, stream.name) for stream in history.streams])
    assert tables[0] == tables[1]


def _without_times(loader: Loader, stream: str) -> list[dict[str, Any]]:
    moving = {"_sdc_batched_at", "_sdc_received_at", "_sdc_sequence", "_sdc_sync_started_at"}
    rows = loader.rows(stream)
    return [{name: it for name, it in row.items() if name not in moving} for row in rows]


@pytest.mark.parametrize(
    "written",
    [
        json.dumps,
        lambda it: json.dumps(it, separators=(",", ":")),
        lambda it: json.dumps(it, sort_keys=True),
        lambda it: json.dumps(it, indent=1).replace("\n", " "),
        lambda it: json.dumps(dict(reversed(it.items()))) + "\r",
        lambda it: "  " + json.dumps(it),
    ],
)
def test_however_a_message_is_written_it_is_loaded(loader: Loader, written: Any) -> None:
    rows = [{"id": 1, "text": '"record": {'}, {"id": 2, "text": '{"type": "STATE"}'}]
    streams = ["it", 'a "b\\', "é"]
    messages = [schema(stream, {"id": INTEGER, "text": TEXT}) for stream in streams]
    messages += [record(stream, row) for row in rows for stream in streams]
    loader.load([*map(written, messages), ""])

    for stream in streams:
        assert loader.rows(stream) == rows
