"""Page by page the tap writes what the SDK would have written record by record, and no less."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from singer_sdk import Stream

from stand_in.server import Api, Reply, serving
from stand_in.world import World
from tap_dagctl.singer.stream import PagewiseStream
from tap_dagctl.singer.writer import Writer
from tap_dagctl.tap import TapDagctl
from tests.support.made_up_rows import ROWS
from tests.support.syncs import Json, config_of, handlers_kept

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    world = World()
    world.add_project("proj_a", "sales")
    with serving(world) as api:
        yield api


def messages(api: Api, *, by_page: bool) -> list[Json]:
    """Sync the runs, and return what was written, but for the times it was read."""
    text = io.StringIO()
    ours, theirs = PagewiseStream._sync_records, Stream._sync_records
    one = patch.object(PagewiseStream, "_sync_records", ours if by_page else theirs)
    whole = patch.object(Writer, "write_records", autospec=True, side_effect=Writer.write_records)
    with redirect_stdout(text), handlers_kept(), one, whole as pages:
        tap = TapDagctl(config=config_of(api))
        for name, stream in tap.streams.items():
            stream.selected = name == "runs"
        tap.sync_all()
    assert pages.called == by_page
    lines = [json.loads(line) for line in text.getvalue().splitlines()]
    for line in lines:
        assert ("time_extracted" in line) == (line["type"] == "RECORD")
        line.pop("time_extracted", None)
    assert text.getvalue().isascii()
    return lines


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_page_by_page_messages_are_the_sdks(api: Api, rows: list[Json]) -> None:
    keyed = [
        {**row, "id": f"run_{number}", "updated_at": "2026-03-02T05:00:00.5Z"}
        for number, row in enumerate(rows)
    ]
    body = json.dumps({"runs": keyed, "total": len(keyed)}).encode()
    api.misbehave = lambda request: Reply(200, body) if request.path.endswith("/runs") else None
    fast, slow = messages(api, by_page=True), messages(api, by_page=False)

    assert fast == slow
    assert sum(line["type"] == "RECORD" for line in fast) == len(rows)


def test_what_a_signal_asks_for_waits_for_all_lines_that_belong_together() -> None:
    writer, done = Writer(), []
    with writer.uninterrupted():
        writer.between_lines(lambda: done.append("stop"))
        assert not done
    assert done == ["stop"]
