"""From where a sync reads: from its bookmark, also one that was edited, or its `start_date`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from stand_in.world import RUNS
from tests.support.arrangement import Arrangement
from tests.support.simulation import Simulation

if TYPE_CHECKING:
    from stand_in.server import Api
    from tests.support.syncs import Json, Tap

FIRST, SECOND, THIRD = (f"2026-02-{day:02}T12:00:00Z" for day in (10, 15, 20))


WALK = {"updated_after": "2026-02-14T11:59:00.000000Z", "began": "2026-02-14T12:00:00Z", "sent": []}


@pytest.fixture
def history(api: Api) -> Simulation:
    """Three rows, days apart, the last of them days ago."""
    history = Simulation(api, Arrangement())
    for number, stamp in enumerate((FIRST, SECOND, THIRD)):
        row = {"id": f"{number}", "created_at": stamp, "updated_at": stamp, "start_time": stamp}
        history.world.put(RUNS, "proj_0", row)
    return history


def with_bookmark(**entries: Any) -> Json:
    part = {"context": {"project_id": "proj_0"}, "replication_key": "updated_at", **entries}
    return {"bookmarks": {"runs": {"partitions": [part]}}}


def test_a_bookmark_ahead_of_the_servers_clock_by_less_than_the_overlap_is_kept(
    history: Simulation,
) -> None:
    """Two servers of one address may differ by as much."""
    ahead = (history.world.now + timedelta(seconds=30)).isoformat().replace("+00:00", "Z")
    history.take(with_bookmark(replication_key_value=ahead))

    assert history.sync().ids == []


def test_a_row_from_the_very_beginning_of_the_overlap_is_remembered(history: Simulation) -> None:
    history.world.now = history.world.now.replace(microsecond=500_000)
    history.world.put(RUNS, "proj_0", {"id": "late"})
    # By `Date` (whole seconds, and one off for the time of an answer) it begins 59.5 s later.
    history.world.advance(seconds=60.7)

    assert "late" in history.sync(overlap_seconds=60).ids
    assert history.sync(overlap_seconds=60).ids == []


def test_a_state_of_the_first_version_is_understood(history: Simulation) -> None:
    history.take(with_bookmark(replication_key_value="2026-02-15T12:00:30.000000Z"))

    # From the bookmark less the overlap; the row within it may have been sent or not.
    assert history.sync().ids == ["1", "2"]
    assert history.sync().ids == []


@pytest.mark.parametrize(
    "entries",
    [
        {"sent": "?", "start_date": 7, "walk": []},
        {"sent": [1, None], "start_date": "soon", "walk": {"end": "x"}},
        {"sent": {}, "start_date": {}, "walk": {"updated_after": None, "began": 1, "end": 9}},
        *({"walk": {**WALK, "end": end, "cap": 0, "anchors": ["x"]}} for end in (10**9, -1, 1)),
        {"walk": {**WALK, "end": 1, "cap": 500, "anchors": [[1]]}},
    ],
)
def test_entries_without_sense_are_ignored(history: Simulation, entries: Json) -> None:
    history.take(with_bookmark(replication_key_value="2026-02-14T12:00:00Z", **entries))

    assert history.sync().ids == ["1", "2"]
    assert history.sync().ids == []


def test_a_bookmark_in_the_future_is_dropped(history: Simulation) -> None:
    history.take(with_bookmark(replication_key_value="2036-01-01T00:00:00Z", sent=["x"]))
    done = history.sync()
    assert sorted(done.ids) == ["0", "1", "2"]
    assert "runs of proj_0: the bookmark lies in the server's future" in done.warnings[0]
    assert history.part["replication_key_value"] == "2026-03-02T05:59:59.000000Z"
    assert history.sync().ids == []


@pytest.mark.parametrize("first", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+08:00"])
def test_the_beginning_of_time_means_everything(history: Simulation, first: str) -> None:
    history.take(with_bookmark(replication_key_value=first))
    assert sorted(history.sync().ids) == ["0", "1", "2"]

    history.take({})
    assert sorted(history.sync(start_date=first).ids) == ["0", "1", "2"]


@pytest.mark.parametrize("value", ["2026-13-01T00:00:00Z", 7, [], True])
def test_a_bookmark_that_is_no_time_is_one_line_and_stays(
    api: Api, tap: Tap, value: object
) -> None:
    api.world.put(RUNS, "proj_b", {"id": "other"})
    state = with_bookmark(replication_key_value=value)
    state["bookmarks"]["runs"]["partitions"][0]["context"]["project_id"] = "proj_a"
    output = tap(state=state)

    assert output.exit_code == 1
    assert "Traceback" not in output.stderr
    (error,) = output.errors
    assert (
        f"State of runs of proj_a: replication_key_value {value!r} is not a time; write it like"
        in error
    )
    # The rest is synced; what was not understood is left to whoever wrote it.
    assert output.ids("runs") == ["other"]
    kept = output.state["bookmarks"]["runs"]["partitions"][0]
    assert kept["replication_key_value"] == value


def test_a_start_date_that_moves_back_brings_the_history_before_it(history: Simulation) -> None:
    assert history.sync(start_date="2026-02-18").ids == ["2"]
    assert history.sync(start_date="2026-02-18").ids == []
    assert history.sync(start_date="2026-02-12").ids == ["1"]
    assert history.sync(start_date="2026-02-12").ids == []
    assert history.sync().ids == ["0"]
    assert history.sync().ids == []


def test_a_start_date_that_moves_on_sends_nothing_again(history: Simulation) -> None:
    assert sorted(history.sync().ids) == ["0", "1", "2"]
    assert history.sync(start_date="2026-02-18").ids == []
    history.world.change(RUNS, "proj_0", "0", status="failed")
    # It changed after the start, so it is to be read, however old it is.
    assert history.sync(start_date="2026-02-18").ids == ["0"]
    assert history.sync().ids == []


def test_a_start_date_in_the_future_waits_for_it(history: Simulation) -> None:
    assert history.sync(start_date="2026-03-10").ids == []
    history.world.advance(days=8)
    history.world.put(RUNS, "proj_0", {"id": "3", "start_time": THIRD})
    assert history.sync(start_date="2026-03-10").ids == ["3"]
    history.world.advance(hours=1)
    assert history.sync(start_date="2026-03-10").ids == []
    assert history.sync().ids == ["0", "1", "2"]


def test_the_second_sync_asks_from_the_bookmark_less_the_overlap(api: Api, tap: Tap) -> None:
    for project in ("proj_a", "proj_b"):
        api.world.put("runs", project, {"id": f"run_of_{project}"})
    api.world.advance(hours=1)
    first = tap()
    api.world.advance(minutes=10)
    api.world.change("runs", "proj_a", "run_of_proj_a", error_message="out of memory")
    second = tap(state=first.state)

    assert first.ids("runs") == ["run_of_proj_a", "run_of_proj_b"]
    assert second.ids("runs") == ["run_of_proj_a"]
    asked = [it.params for it in api.requests if it.path.endswith("proj_a/runs")]
    of_first = {"page": "1", "limit": "500", "include_stats": "false"}
    # 06:00 + 1 hour, less the second the answer may have taken, less 60
    assert asked == [of_first, of_first | {"updated_after": "2026-03-02T06:58:59.000000Z"}]
    assert {it.headers["authorization"] for it in api.requests} == {f"Bearer {api.world.token}"}


@pytest.mark.parametrize(("hours", "warnings"), [(1, 1), (-1, 0)])
def test_a_start_date_in_the_future_is_warned_of(
    api: Api, tap: Tap, hours: int, warnings: int
) -> None:
    start = (api.world.now + timedelta(hours=hours)).isoformat()
    output = tap(start_date=start).succeeded

    assert len(output.warnings) == warnings
    assert output.stderr.count(f"start_date {start} lies in the future: no runs") == warnings
