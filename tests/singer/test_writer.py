"""Page by page the tap writes what the SDK would have written record by record, and no less."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from copy import deepcopy
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from singer_sdk import Stream

from stand_in.server import Api, Reply, serving
from stand_in.world import World
from tap_dagctl.singer.stream import PagewiseStream
from tap_dagctl.singer.writer import Writer
from tap_dagctl.tap import TapDagctl
from tests.support.catalogs import deselect, entry
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
    with redirect_stdout(text), handlers_kept(), one:
        tap = TapDagctl(config=config_of(api))
        for name, stream in tap.streams.items():
            stream.selected = name == "runs"
        tap.sync_all()
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


def test_what_a_configuration_changes_goes_by_record(api: Api, catalog: Json) -> None:
    def rows_by_page(catalog: Json | None = None, **configuration: Any) -> int:
        """Return how many rows a sync with these settings wrote page by page."""
        write, config = Writer.write_records, config_of(api, **configuration)
        with (
            redirect_stdout(io.StringIO()),
            handlers_kept(),
            patch.object(Writer, "write_records", autospec=True, side_effect=write) as written,
        ):
            TapDagctl(config=config, catalog=catalog).sync_all()
        return sum(len(call.args[2]) for call in written.call_args_list)

    api.misbehave = lambda _: None
    for number in range(3):
        api.world.put("runs", "proj_a", {"id": f"run_{number}", "queue": {"name": "q"}})
    deselected, other_type = deepcopy(catalog), deepcopy(catalog)
    deselect(deselected, "runs", "created_at")
    entry(other_type, "runs")["schema"]["properties"]["created_at"] = {"type": ["string"]}
    statistics = 1

    assert rows_by_page() == rows_by_page(catalog) == 3 + statistics
    assert rows_by_page(deselected) == rows_by_page(other_type) == statistics
    assert rows_by_page(stream_maps={"runs": {"x": "record['id']"}}) == statistics
    assert rows_by_page(stream_maps={"runs": {"__alias__": "r"}}) == statistics
    assert rows_by_page(flattening_enabled=True, flattening_max_depth=1) == 0
    with patch.object(Stream, "ABORT_AT_RECORD_COUNT", 2):
        assert rows_by_page() == 0


def test_what_a_signal_asks_for_waits_for_all_lines_that_belong_together() -> None:
    writer, done = Writer(), []
    with writer.uninterrupted():
        writer.between_lines(lambda: done.append("stop"))
        assert not done
    assert done == ["stop"]
    writer.between_lines(lambda: done.append("again"))
    assert done == ["stop", "again"]
