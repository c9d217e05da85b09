"""States that are wrapped up, of another tap, or of another layout: one line, and no request."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stand_in.world import World
from tap_dagctl.errors import StateError
from tap_dagctl.state.bookmark import Bookmark
from tap_dagctl.streams import STREAMS
from tap_dagctl.tap import TapDagctl
from tests.support.syncs import Json, config_of

if TYPE_CHECKING:
    from stand_in.server import Api
    from tests.support.syncs import Tap

PART = {
    "context": {"project_id": "proj_a"},
    "replication_key": "updated_at",
    "replication_key_value": "2026-02-15T12:00:30.000000Z",
}
REPLICATION_KEYS = {
    stream.name: stream.replication_key
    for stream in STREAMS
    if isinstance(stream.replication_key, str)
}


def runs(**entries: Any) -> Json:
    return {"bookmarks": {"runs": entries}}


def partition(**entries: Any) -> Json:
    return runs(partitions=[{**PART, **entries}])


@pytest.mark.parametrize(
    ("state", "what"),
    [
        ({"type": "STATE", "value": partition()}, 'take what is under "value"'),
        ({"completed": {"singer_state": partition()}}, 'is under "completed", "singer_state"'),
        ({"singer_state": {}}, "it has no `bookmarks`"),
        ({"runs": "2026-02-15T12:00:30Z"}, "it has no `bookmarks`"),
        ({"bookmarks": {"contacts": {"at": 1}, "deals": {}}}, "has bookmarks of contacts, deals"),
        ({"bookmarks": []}, "Expected `object`, got `array` - at `$.bookmarks`"),
        (runs(partitions=[{}]), "Object missing required field `context`"),
        (runs(**PART), "runs has context, replication_key, replication_key_value, and not a"),
        (partition(context={"project": "x"}), "runs has a bookmark of {'project': 'x'}, and not"),
        (partition(context={"project_id": 7}), "runs has a bookmark of {'project_id': 7}, and"),
        (partition(context={"project_id": "x", "day": "x"}), "runs has a bookmark of {'project_id"),
        (runs(partitions=[PART, PART]), "runs has two bookmarks of the same project"),
        (partition(replication_key="id"), "runs of proj_a has a bookmark on id, not on updated_at"),
        (partition(replication_key=None), "runs of proj_a has a bookmark on None, not on updated"),
        ({"bookmarks": {"projects": {"partitions": [PART]}}}, "projects has bookmarks, and needs"),
        ({"bookmarks": {"projects": {"updated_at": "x"}}}, "projects has bookmarks, and needs non"),
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
        {"bookmarks": {"runs": {}, "projects": {}, "jobs": {}}},
        {"bookmarks": {"members": {}}},
        runs(partitions=[{"context": {"project_id": "proj_a"}}]),
        partition(starting_replication_value="2026-02-15T12:00:30Z"),
        partition(progress_markers={"Note": "…", "replication_key_value": "x"}),
        {"bookmarks": {"projects": {"starting_replication_value": None, "progress_markers": {}}}},
        {"bookmarks": {"jobs": {"partitions": [{**PART, "replication_key": "id"}]}}},
        # Of a newer version: streams nobody has heard of, entries beside the bookmarks.
        {**partition(), "version": 2},
        {"bookmarks": {"runs": {"partitions": [PART], "more": 1}, "alerts": {"upto": 7}}},
    ],
)
def test_a_state_of_the_tap_or_the_sdk_is_taken(api: Api, tap: Tap, state: Json) -> None:
    api.world.put("runs", "proj_a", {"id": "run"})
    output = tap(state=state).succeeded

    assert output.ids("runs") == ["run"]
    for stream, kept in state.get("bookmarks", {}).items():
        if stream not in {it.name for it in STREAMS}:
            assert output.state["bookmarks"][stream] == kept


def test_every_state_that_leaves_the_tap_is_taken(api: Api, tap: Tap) -> None:
    catalog = json.loads(tap("--discover").stdout)
    for number in range(4):
        api.world.put("runs", "proj_a", {"id": f"run_{number}"})
    outputs = [tap(page_size=2)]
    for method in ("INCREMENTAL", "FULL_TABLE"):
        for entry in catalog["streams"]:
            entry["replication_method"] = method
        outputs += [tap(catalog=catalog)]
    states = [m["value"] for output in outputs for m in output.messages if m["type"] == "STATE"]
    assert len(states) > 5

    for state in states:
        TapDagctl(config=config_of(api), state=state)


STAMP = "2026-02-15T12:00:30Z"
SCALARS = st.none() | st.integers(0, 2) | st.sampled_from(["", "x", STAMP])
CONTEXTS = st.just({"project_id": "proj_a"}) | st.dictionaries(
    st.sampled_from(["project_id", "day"]), SCALARS, max_size=2
)
PARTS = st.fixed_dictionaries(
    {"replication_key": st.sampled_from([*REPLICATION_KEYS.values(), "id", None])},
    optional={
        "context": CONTEXTS,
        "replication_key_value": SCALARS,
        "progress_markers": SCALARS | st.just({}),
        "updated_at": SCALARS,
    },
)
STREAM_STATES = SCALARS | PARTS | st.builds(lambda parts: {"partitions": parts}, st.lists(PARTS))
BOOKMARKED = st.builds(
    lambda key, value: {
        key[0]: {
            "partitions": [{**PART, "replication_key": key[1], "replication_key_value": value}]
        }
    },
    st.sampled_from([*REPLICATION_KEYS.items()]),
    SCALARS,
)
NAMES = st.sampled_from([*(stream.name for stream in STREAMS), "contacts"])
BOOKMARKS = BOOKMARKED | st.dictionaries(NAMES, STREAM_STATES, max_size=2)
INNER = st.fixed_dictionaries({"bookmarks": SCALARS | BOOKMARKS})
STATES = INNER | st.dictionaries(st.sampled_from(["value", "type"]), SCALARS | INNER)


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
        (name, part["replication_key_value"])
        for name, entries in state.get("bookmarks", {}).items()
        for part in (entries, *entries.get("partitions", []))
        if name in REPLICATION_KEYS and part.get("replication_key_value") not in (None, "")
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, written))
