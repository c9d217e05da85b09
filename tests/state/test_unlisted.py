"""The bookmarks of a deleted project leave the state in the end, and not before."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import pytest

from stand_in.world import RUNS
from tap_dagctl.state.unlisted import DAYS_KEPT

if TYPE_CHECKING:
    from stand_in.server import Api
    from tests.support.syncs import Json, Tap


def projects_in(state: Json) -> set[str]:
    parts = (it.get("partitions", []) for it in state["bookmarks"].values())
    return {part["context"]["project_id"] for part in chain.from_iterable(parts)}


@pytest.fixture
def state(api: Api, tap: Tap) -> Json:
    """After a first sync of both projects."""
    for project in ("proj_a", "proj_b"):
        api.world.put(RUNS, project, {"id": f"run of {project}"})
    api.world.advance(hours=1)
    return tap().state


def test_a_deleted_project_leaves_the_state(api: Api, tap: Tap, state: Json) -> None:
    api.world.delete_project("proj_b")
    for days, kept in ((0, True), (1, True), (DAYS_KEPT - 2, True), (1, False)):
        api.world.advance(days=days)
        state = tap(state=state).state
        assert projects_in(state) == {"proj_a", *["proj_b"] * kept}


def test_one_that_comes_back_sends_nothing_new(api: Api, tap: Tap, state: Json) -> None:
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
    assert tap(state=state).records("runs") == []
