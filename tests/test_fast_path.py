"""Page by page the tap writes what the SDK would have written record by record, and no less."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from singer_sdk import Stream

from tap_dagctl.decoding import decoded
from tap_dagctl.sdk import PagewiseStream
from tap_dagctl.tap import TapDagctl
from tests.dagctl_api.server import Api, Reply, serving
from tests.dagctl_api.world import World
from tests.simulation import handlers_kept
from tests.syncs import config_of

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = st.text(st.characters(exclude_categories=[])) | st.sampled_from(
    ["\x00", "\u2028", "é", "雪", "😀", '"\\/\b', "\ud83d", "\udc00 x", "NaN", "1e400"]
)
NUMBERS = (
    st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.1, -0.0, 5e-324, 1.7976931348623157e308, 1e16, 2**53 + 1, 1e-7])
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
TIMES = st.builds(
    lambda moment, digits, offset: f"{moment.isoformat(timespec='seconds')}{digits}{offset}",
    st.datetimes(),
    st.sampled_from(["", ".5", ".123456", ".123456789", ".000000", ".12", ".", ",5"]),
    st.sampled_from(["Z", "Z", "Z", "+05:30", "-08:00", "z", ""]),
)
FIELDS = {
    "job_name": TEXT,
    "duration_seconds": NUMBERS,
    "start_time": TIMES,
    "end_time": TIMES | VALUES,
    "status": VALUES,
    "pod_name": st.none() | TEXT,
    "project_id": VALUES,
    "additional_properties": VALUES,
}
ROWS = st.lists(
    st.builds(
        lambda known, unknown: unknown | known,
        st.fixed_dictionaries({}, optional=FIELDS),
        st.dictionaries(TEXT, VALUES, max_size=2),
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    world = World()
    world.add_project("proj_a", "sales")
    with serving(world) as api:
        yield api


def messages(api: Api, *, by_page: bool, **configuration: Any) -> list[dict[str, Any]]:
    """Sync the runs, and return what was written, but for the times it was read."""
    text = io.StringIO()
    ordinary = patch.object(PagewiseStream, "_sync_records", Stream._sync_records)
    with redirect_stdout(text), handlers_kept():
        tap = TapDagctl(config=config_of(api), **configuration)
        for name, stream in tap.streams.items():
            stream.selected = name == "runs"
        if by_page:
            tap.sync_all()
        else:
            with ordinary:
                tap.sync_all()
    lines = [json.loads(line) for line in text.getvalue().splitlines()]
    for line in lines:
        assert ("time_extracted" in line) == (line["type"] == "RECORD")
        line.pop("time_extracted", None)
    assert text.getvalue().isascii()
    return lines


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS)
def test_page_by_page_the_messages_are_those_of_the_sdk(
    api: Api, rows: list[dict[str, Any]]
) -> None:
    keyed = [
        {**row, "id": f"run_{number}", "updated_at": "2026-03-02T05:00:00.5Z"}
        for number, row in enumerate(rows)
    ]
    body = json.dumps({"runs": keyed, "total": len(keyed)}).encode()
    api.misbehave = lambda request: Reply(200, body) if request.path.endswith("/runs") else None
    fast, slow = messages(api, by_page=True), messages(api, by_page=False)

    assert fast == slow
    assert sum(line["type"] == "RECORD" for line in fast) == len(rows)


@given(value=VALUES)
def test_decoding_is_that_of_the_standard_library(value: Any) -> None:
    text = json.dumps(value)
    again = decoded(text.encode())

    # What no loader could take is another test's matter.
    if not re.search(r"\\ud|\\u0000|[0-9]{19}", text.lower()):
        assert again == json.loads(text)
        assert json.dumps(again) == text
    else:
        # Whole pairs stay what they are; halves cannot be written.
        json.dumps(again, ensure_ascii=False).encode()


def rows_by_page(api: Api, catalog: dict[str, Any] | None = None, **configuration: Any) -> int:
    """Return how many rows a sync with these settings wrote page by page."""
    written = 0
    config = config_of(api, **configuration)
    with redirect_stdout(io.StringIO()), handlers_kept():
        tap = TapDagctl(config=config, catalog=catalog)
        write = tap.message_writer.write_records  # type: ignore[attr-defined]

        def counting(stream: str, records: list[Any], version: int | None) -> None:
            nonlocal written
            written += len(records)
            write(stream, records, version)

        with patch.object(tap.message_writer, "write_records", counting):
            tap.sync_all()
    return written


def test_what_a_configuration_changes_goes_the_ordinary_way(api: Api) -> None:
    api.misbehave = lambda _: None
    for number in range(3):
        api.world.put("runs", "proj_a", {"id": f"run_{number}", "queue": {"name": "q"}})
    catalog: dict[str, Any] = json.loads(TapDagctl(validate_config=False).catalog_json_text)
    deselected = json.loads(json.dumps(catalog))
    other_type = json.loads(json.dumps(catalog))
    for entry in deselected["streams"]:
        for metadata in entry["metadata"]:
            if metadata["breadcrumb"] == ["properties", "created_at"]:
                metadata["metadata"]["selected"] = False
    for entry in other_type["streams"]:
        if entry["tap_stream_id"] == "runs":
            entry["schema"]["properties"]["created_at"]["type"] = ["string"]
    statistics = 1

    assert rows_by_page(api) == 3 + statistics
    assert rows_by_page(api, catalog) == 3 + statistics
    assert rows_by_page(api, deselected) == statistics
    assert rows_by_page(api, other_type) == statistics
    assert rows_by_page(api, stream_maps={"runs": {"x": "record['id']"}}) == statistics
    assert rows_by_page(api, stream_maps={"runs": {"__alias__": "r"}}) == statistics
    assert rows_by_page(api, flattening_enabled=True, flattening_max_depth=1) == 0
    with patch.object(Stream, "ABORT_AT_RECORD_COUNT", 2):
        assert rows_by_page(api) == 0
