"""States that are wrapped up, of another tap, or of another layout: one line, and no request."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stand_in.server import Api
from stand_in.world import World
from tap_dagctl.errors import StateError
from tap_dagctl.state.bookmark import Bookmark
from tap_dagctl.streams import STREAMS
from tap_dagctl.tap import TapDagctl
from tests.support.syncs import Json, Tap

STAMP = "2026-02-15T12:00:30Z"
REPLICATION_KEYS = {
    it.name: it.replication_key for it in STREAMS if isinstance(it.replication_key, str)
}


def part(key: object = "updated_at", value: object = STAMP, project: object = "proj_a") -> Json:
    bookmark = {"replication_key": key, "replication_key_value": value}
    return {"context": {"project_id": project}, **bookmark}


def of(stream: str, *parts: Json) -> Json:
    return {"bookmarks": {stream: {"partitions": [*parts]}}}


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
