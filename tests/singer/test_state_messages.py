"""STATE messages are worth their bytes, however many projects there are."""

from __future__ import annotations

import json
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk.helpers.types import TapState
from singer_sdk.singerlib.encoding.simple import RecordMessage

from stand_in.server import Api
from stand_in.world import RUNS
from tap_dagctl.singer import state as state_module
from tap_dagctl.singer.state import SparingStateWriter
from tests.support import in_process
from tests.support.syncs import Output, Tap

PROJECTS = 30


@pytest.fixture
def api(api: Api) -> Api:
    for number in range(PROJECTS):
        project = f"proj_{number:03}"
        api.world.add_project(project, f"project {number}")
        for row in range(2 * (number % 7)):
            api.world.put(RUNS, project, {"id": f"run_{number}_{row}"})
    api.world.advance(hours=1)
    return api


def sizes(output: Output, kind: str) -> list[int]:
    start = f'{{"type":"{kind}"'
    return [len(line) for line in output.stdout.splitlines() if line.startswith(start)]


def test_all_states_together_weigh_no_more_than_the_records_and_a_few(api: Api, tap: Tap) -> None:
    first = tap().succeeded
    api.world.advance(minutes=10)
    idle = tap(state=first.state).succeeded

    for output in (first, idle):
        states = sizes(output, "STATE")
        assert sum(states) <= 3 * states[-1] + sum(sizes(output, "RECORD"))
        assert output.messages[-1]["type"] == "STATE"
    assert len(sizes(first, "STATE")) > 1
    assert len(sizes(idle, "STATE")) <= 3
    assert len(sizes(first, "SCHEMA")) == len(first.schemas) == 7


def test_what_ends_a_sync_leaves_a_state_behind(api: Api, tap: Tap) -> None:
    """Here: a map that fails on a row of the last project."""
    api.world.put(RUNS, f"proj_{PROJECTS - 1:03}", {"id": "last", "pod_name": "bad"})
    output = tap(stream_maps={"runs": {"pod": "int(pod_name) if pod_name else 0"}})

    assert "stream_maps" in output.error
    parts = output.state["bookmarks"]["runs"]["partitions"]
    assert sum("start_date" in part for part in parts) == PROJECTS + 1


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3_000), st.integers(-300, 2_000), st.sampled_from([0.0, 0.1, 30.0, 61.0])
        ),
        max_size=40,
    )
)
def test_the_bound_holds_whatever_comes(steps: list[tuple[int, int, float]]) -> None:
    writer, state = in_process.Collector(None), TapState(bookmarks={})
    size = most = 0
    with patch.object(state_module, "time") as clock:
        clock.monotonic.return_value = 0.0
        states = SparingStateWriter(writer)
        for number, (records, growth, seconds) in enumerate(steps):
            clock.monotonic.return_value += seconds
            if records:
                writer.write_message(RecordMessage("runs", {"note": "x" * records}))
            size = max(0, size + growth)
            state["bookmarks"] = {"runs": {"number": number, "sent": "x" * size}}
            states.write_state(state)
            most = max(most, size + 100)
        states.write_pending()

    written = sum(len(json.dumps(it, separators=(",", ":"))) for it in writer.states)
    assert written <= writer.record_bytes + 2 * most


@pytest.mark.parametrize("is_told_again", [False, True])
def test_a_state_follows_the_last_record_though_it_is_the_same(*, is_told_again: bool) -> None:
    """Some targets, such as target-jsonl, hand on a state only if no record follows it."""
    writer = in_process.Collector(None)
    states = SparingStateWriter(writer)
    state: TapState = {"bookmarks": {"runs": {"number": 1}}}
    states.write_now(state)
    writer.write_message(RecordMessage("jobs", {"note": "x" * 500}))
    if is_told_again:
        states.write_state(state)
        assert len(writer.states) == 1
    for _ in range(2):
        states.write_pending()
        assert len(writer.states) == 2


def test_a_long_walk_sends_a_state_a_minute(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(100):
        api.world.put(RUNS, "proj_a", {"id": f"run_{number:03}"})
    few = len(in_process.sync(api, page_size=2, project_ids=["proj_a"]).states)
    monkeypatch.setattr(state_module, "SECONDS_BETWEEN_STATES", 0.0)
    many = len(in_process.sync(api, page_size=2, project_ids=["proj_a"]).states)

    assert few < 10 < many
