"""From where a sync reads: from a state, also one that was edited, or from `start_date`.

States of something else are refused. The bookmarks of a deleted project leave the state in the end.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stand_in.server import Api
from stand_in.world import RUNS, World
from tap_dagctl.errors import StateError
from tap_dagctl.state.bookmark import Bookmark
from tap_dagctl.state.unlisted import DAYS_KEPT
from tap_dagctl.streams import STREAMS
from tap_dagctl.tap import TapDagctl
from tests.support.odd_servers import Arrangement
from tests.support.simulation import Simulation
from tests.support.syncs import Json, Tap

STAMP = "2026-02-15T12:00:30Z"
STAMPS = [f"2026-02-{day}T12:00:00Z" for day in (10, 15, 20)]
WALK = {
    "updated_after": "2026-02-14T11:59:00.000000Z",
    "began": "2026-02-14T12:00:00Z",
    "end": 1,
    "cap": 500,
    "counted": 1,
    "total": 3,
    "anchors": ["x"],
    "sent": "",
}


@pytest.fixture
def history(api: Api) -> Simulation:
    """Three rows, days apart, the last of them days ago."""
    history = Simulation(api, Arrangement())
    for number, stamp in enumerate(STAMPS):
        row = {"id": f"{number}", "created_at": stamp, "updated_at": stamp, "start_time": stamp}
        history.world.put(RUNS, "proj_0", row)
    return history


def part(key: object = "updated_at", value: object = STAMP, project: object = "proj_a") -> Json:
    bookmark = {"replication_key": key, "replication_key_value": value}
    return {"context": {"project_id": project}, **bookmark}


def of(stream: str, *parts: Json) -> Json:
    return {"bookmarks": {stream: {"partitions": [*parts]}}}


def bookmarked(value: object, project: str = "proj_0", **entries: Any) -> Json:
    return of("runs", {**part(value=value, project=project), **entries})


def test_a_bookmark_ahead_of_the_server_is_kept_within_the_overlap(history: Simulation) -> None:
    """Two servers of one address may differ by as much."""
    history.take(bookmarked((history.world.now + timedelta(seconds=30)).isoformat()))
    assert history.sync().ids == []

    history.take(bookmarked("2036-01-01T00:00:00Z", sent=["x"]))
    done = history.sync()
    assert done.ids == ["0", "1", "2"]
    assert "runs of proj_0: the bookmark lies in the server's future" in done.warnings[0]
    assert history.part["replication_key_value"] == "2026-03-02T05:59:59.000000Z"


@pytest.mark.parametrize(
    "state",
    [
        # An instant, however it is written.
        bookmarked("2026-02-14T12:00:00.5Z"),
        bookmarked("2026-02-14T14:00:00.123456789+02:00"),
        bookmarked("2026-02-14"),
        bookmarked("2026-02-14 12:00:00"),
        # Entries without sense are ignored.
        bookmarked(WALK["began"], sent=[1, None], start_date="soon", walk={"end": "x"}),
        bookmarked(WALK["began"], sent={}, start_date={}, walk={"updated_after": None, "began": 1}),
        bookmarked(WALK["began"], sent="?", walk=[], owed=7, surplus="x"),
        *(
            bookmarked(WALK["began"], walk={**WALK, **odd})
            for odd in ({}, {"end": 10**9}, {"end": -1}, {"cap": 0}, {"cap": 1}, {"anchors": [[1]]})
        ),
    ],
)
def test_what_is_newer_than_the_bookmark_comes(history: Simulation, state: Json) -> None:
    history.take(state)

    assert history.sync().ids == ["1", "2"]
    assert history.sync().ids == []


def test_a_row_from_the_very_beginning_of_what_is_read_again_is_remembered(api: Api) -> None:
    history = Simulation(api, Arrangement(inclusive=True, overlap_seconds=0))
    history.world.now = history.world.now.replace(microsecond=999_999)
    history.world.put(RUNS, "proj_0", {"id": "late"})
    # By `Date` (whole seconds, and one off for the time of an answer) it begins 1 µs later.
    history.world.advance(seconds=1.000_001)
    assert history.sync().ids == ["late"]
    assert history.sync().ids == []


@pytest.mark.parametrize("first", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+08:00"])
def test_the_beginning_of_time_means_everything(history: Simulation, first: str) -> None:
    for state, start in ((bookmarked(first), None), ({}, first)):
        history.take(state)
        assert sorted(history.sync(start_date=start).ids) == ["0", "1", "2"]


@pytest.mark.parametrize("value", ["2026-13-01T00:00:00Z", 7])
def test_a_bookmark_that_is_no_time_is_one_line_and_stays(
    tap: Tap, monkeypatch: pytest.MonkeyPatch, value: object
) -> None:
    # Nor does it keep what is asked for ahead from coming.
    monkeypatch.setattr("tap_dagctl.api.prefetch.WORTH_WAITING_SECONDS", -1.0)
    tap.api.world.put(RUNS, "proj_b", {"id": "other"})
    output = tap(state=bookmarked(value, "proj_a"))

    assert output.error.startswith(
        f"State of runs of proj_a: replication_key_value {value!r} is not a time; write it like"
    )
    # The rest is synced; what was not understood is left to whoever wrote it.
    assert output.ids("runs") == ["other"]
    assert output.state["bookmarks"]["runs"]["partitions"][0]["replication_key_value"] == value


def test_a_start_date_that_moves_back_brings_the_history_before_it(history: Simulation) -> None:
    # One row was updated at the very start.
    for start, row in (("2026-02-18", "2"), (STAMPS[1], "1"), (None, "0")):
        assert history.sync(start_date=start).ids == [row]
        assert history.sync(start_date=start).ids == []


def test_a_start_date_that_moves_on_sends_nothing_again(history: Simulation) -> None:
    history.sync()
    assert history.sync(start_date="2026-02-18").ids == []
    history.world.change(RUNS, "proj_0", "0", status="failed")
    # It changed after the start, so it is to be read, however old it is.
    assert history.sync(start_date="2026-02-18").ids == ["0"]
    assert history.sync().ids == []


def test_a_start_date_in_the_future_waits_for_it(history: Simulation) -> None:
    assert history.sync(start_date="2026-03-10").ids == []
    history.world.advance(days=8)
    history.world.put(RUNS, "proj_0", {"id": "3", "start_time": STAMPS[2]})
    assert history.sync(start_date="2026-03-10").ids == ["3"]
    history.world.advance(hours=1)
    assert history.sync(start_date="2026-03-10").ids == []
    assert history.sync().ids == ["0", "1", "2"]


@pytest.mark.parametrize(("hours", "warnings"), [(1, 1), (-1, 0)])
def test_a_start_date_in_the_future_is_warned_of(tap: Tap, hours: int, warnings: int) -> None:
    start = (tap.api.world.now + timedelta(hours=hours)).isoformat()
    output = tap(start_date=start).succeeded

    assert len(output.warnings) == warnings
    assert output.stderr.count(f"start_date {start} lies in the future: no runs") == warnings


def test_the_second_sync_asks_from_the_bookmark_less_the_overlap(api: Api, tap: Tap) -> None:
    tap(state=tap().state)

    asked = [it.params for it in api.requests if it.path.endswith("proj_a/runs")]
    of_first = {"page": "1", "limit": "500", "include_stats": "false"}
    # 06:00, less the second the answer may have taken, less 60
    assert asked == [of_first, of_first | {"updated_after": "2026-03-02T05:58:59.000000Z"}]


def projects_in(state: Json) -> set[str]:
    parts = (it.get("partitions", []) for it in state["bookmarks"].values())
    return {part["context"]["project_id"] for part in chain.from_iterable(parts)}


@pytest.fixture
def state(api: Api, tap: Tap) -> Json:
    """After a first sync of both projects."""
    api.world.put(RUNS, "proj_b", {"id": "run"})
    return tap().state


def test_a_deleted_project_leaves_the_state(api: Api, tap: Tap, state: Json) -> None:
    api.world.delete_project("proj_b")
    # Somebody has edited it, so the days are counted anew.
    state["bookmarks"]["runs"]["partitions"][1]["unlisted_since"] = 7
    for days, kept in ((0, True), (DAYS_KEPT - 1, True), (1, False)):
        api.world.advance(days=days)
        state = tap(state=state).state
        assert projects_in(state) == {"proj_a", *["proj_b"] * kept}


def test_one_that_comes_back_sends_nothing_again(api: Api, tap: Tap, state: Json) -> None:
    gone = api.world.delete_project("proj_b")
    state = tap(state=state).state
    api.world.projects["proj_b"] = gone
    api.world.advance(days=DAYS_KEPT + 1)
    following = tap(state=state)

    assert following.records("runs") == []
    assert "unlisted_since" not in str(following.state)


def test_one_that_the_settings_leave_out_stays(api: Api, tap: Tap, state: Json) -> None:
    for _ in range(2):
        state = tap(state=state, project_ids=["sales"]).state
        api.world.advance(days=DAYS_KEPT + 1)

    assert projects_in(state) == {"proj_a", "proj_b"}


REPLICATION_KEYS = {
    it.name: it.replication_key for it in STREAMS if isinstance(it.replication_key, str)
}


@pytest.mark.parametrize(
    ("state", "what"),
    [
        ({"completed": {"singer_state": of("runs")}}, 'is under "completed", "singer_state"'),
        ({"runs": STAMP}, "it has no `bookmarks`"),
        ({"bookmarks": {"contacts": {"at": 1}, "deals": {}}}, "has bookmarks of contacts, deals"),
        ({"bookmarks": []}, "Expected `object`, got `array` - at `$.bookmarks`"),
        ({"bookmarks": {"runs": part()}}, "runs has context, replication_key, replication_key_val"),
        (of("runs", {}), "Object missing required field `context`"),
        (of("runs", part(project=7)), "runs has a bookmark of {'project_id': 7}, and"),
        (of("runs", part(), part()), "runs has two bookmarks of the same project"),
        (of("runs", part("id")), "runs of proj_a has a bookmark on id, not on updated_at"),
        (of("projects", part()), "projects has bookmarks, and needs none"),
    ],
)
def test_a_state_of_something_else(tap: Tap, state: Json, what: str) -> None:
    error = tap.refused(state=state)

    assert error.startswith("The state is not one of this tap: ")
    assert what in error
    assert error.endswith(
        "Hand over what the last sync left, or no state at all to read everything again"
    )


@pytest.mark.parametrize(
    "state",
    [
        {"bookmarks": {"runs": {}, "projects": {"progress_markers": {}}, "members": {}}},
        {"bookmarks": {"projects": {"starting_replication_value": None}}},
        of("runs", {**part(), "progress_markers": {"Note": "…", "replication_key_value": "x"}}),
        # Of a newer version: streams nobody has heard of, entries beside the bookmarks.
        {"bookmarks": {"runs": {"partitions": [part()], "more": 1}, "alerts": {"upto": 7}}, "v": 2},
    ],
)
def test_a_state_of_the_tap_or_the_sdk_is_taken(api: Api, tap: Tap, state: Json) -> None:
    api.world.put("runs", "proj_a", {"id": "run"})
    output = tap(state=state).succeeded

    assert output.ids("runs") == ["run"]
    unknown = state["bookmarks"].keys() - {it.name for it in STREAMS}
    for stream in unknown:
        assert output.state["bookmarks"][stream] == state["bookmarks"][stream]


SCALARS = st.none() | st.integers(0, 2) | st.sampled_from(["", "x", STAMP])
CONTEXTS = st.dictionaries(st.sampled_from(["project_id", "day"]), SCALARS, max_size=2)
PARTS = st.fixed_dictionaries(
    {"replication_key": st.sampled_from([*REPLICATION_KEYS.values(), "id", None])},
    optional={
        "context": st.just({"project_id": "proj_a"}) | CONTEXTS,
        "replication_key_value": SCALARS,
        "progress_markers": SCALARS | st.just({}),
        "updated_at": SCALARS,
    },
)
STREAM_STATES = SCALARS | PARTS | st.builds(lambda parts: {"partitions": parts}, st.lists(PARTS))
NAMES = st.sampled_from([*(stream.name for stream in STREAMS), "contacts"])
STATES = (
    st.builds(
        lambda stream, key, value: of(stream, part(key, value)),
        st.sampled_from([*REPLICATION_KEYS]),
        st.sampled_from([*REPLICATION_KEYS.values()]),
        SCALARS,
    )
    | st.builds(lambda them: {"bookmarks": them}, st.dictionaries(NAMES, STREAM_STATES, max_size=2))
    | st.dictionaries(st.sampled_from(["bookmarks", "value", "type"]), SCALARS)
)


@given(STATES)
def test_no_bookmark_goes_unheeded(state: Json) -> None:
    world = World()
    config = {"api_token": world.token, "organization_id": world.organization_id}
    try:
        tap = TapDagctl(config=config, state=json.loads(json.dumps(state)))
    except StateError as error:
        (line,) = str(error).splitlines()
        assert "Hand over what the last sync left" in line
        return
    tap._reset_state_progress_markers()

    found = []
    for name, key in REPLICATION_KEYS.items():
        stream = tap.streams[name]
        for context in stream.partitions or []:
            kept = stream.get_context_state({"project_id": context["project_id"]})
            # It goes on from what is kept, or says that it is no time.
            with suppress(StateError):
                if Bookmark(kept, name, key).value is None:
                    continue
            found.append((name, kept["replication_key_value"]))
    written = [
        (name, entry["replication_key_value"])
        for name, entries in state.get("bookmarks", {}).items()
        for entry in (entries, *entries.get("partitions", []))
        if name in REPLICATION_KEYS and entry.get("replication_key_value") not in (None, "")
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, written))
