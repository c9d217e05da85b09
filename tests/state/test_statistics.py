"""Which days the statistics streams ask for, and that none of them is lost or sent again."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from stand_in.world import to_text
from tap_dagctl.state.sent_records import LETTERS
from tests.support import in_process
from tests.support.statistics_histories import prove

if TYPE_CHECKING:
    from stand_in.server import Api, Request
    from tests.support.in_process import Collector
    from tests.support.syncs import Json, Tap

DAY = timedelta(days=1)
TODAY = date(2026, 3, 2)  # a Monday
WINDOWS = ["2026-01-26", "2026-02-02", "2026-02-09", "2026-02-16", "2026-02-23", "2026-03-02"]


@pytest.fixture(autouse=True)
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are counted in their order: none is made ahead, however slow this machine is."""
    monkeypatch.setattr("tap_dagctl.api.prefetch.WORTH_WAITING_SECONDS", math.inf)


@pytest.mark.parametrize("seed", range(2))
def test_no_made_up_history_loses_or_repeats_statistics(seed: int) -> None:
    figures = prove(seed, 40)

    assert figures["cut off"] > 0
    assert figures["records sent"] > 100
    assert figures["checked"] > 5_000


def sync(
    api: Api, state: Json | None = None, **settings: Any
) -> tuple[Collector, list[int], list[str]]:
    """Sync; return what came, how many days were asked for, and where the windows begin."""
    api.requests.clear()
    pipe = in_process.sync(api, state, project_ids=["proj_a"], **settings)
    params = [it.params for it in api.requests]
    days = [int(it["days"]) for it in params if "days" in it]
    return pipe, days, [it["start_date"] for it in params if "start_date" in it]


def execute(api: Api, *days_ago: int) -> None:
    """Let a run and a model start on each of these days."""
    for ago in days_ago:
        started = {"id": f"{api.world.now} {ago}", "start_time": to_text(api.world.now - ago * DAY)}
        api.world.put("runs", "proj_a", started)
        api.world.put("executions", "proj_a", {**started, "model_name": "orders"})


def test_a_first_sync_reads_thirty_days_and_a_later_one_what_may_have_changed(api: Api) -> None:
    first, *asked = sync(api)
    assert asked == [[30], WINDOWS]
    api.world.advance(days=3)
    second, *asked = sync(api, first.states[-1])
    # 2 March less 2 days, up to 5 March
    assert asked == [[6], WINDOWS[-2:]]
    _, *asked = sync(api, second.states[-1], stats_lookback_days=0)
    assert asked == [[1], WINDOWS[-1:]]


def test_a_start_date_is_the_first_day(api: Api) -> None:
    start = "2026-02-20T15:00:00+02:00"
    _, *asked = sync(api, start_date=start, model_stats_window_days=10)

    assert asked == [[11], ["2026-02-20", "2026-03-02"]]
    (runs,) = (it for it in api.requests if it.path.endswith("/runs"))
    assert runs.params["updated_after"] == "2026-02-20T12:59:59.999999Z"


def test_a_start_date_in_the_future_reads_just_today_and_goes_on_from_there(api: Api) -> None:
    state = None
    for days in (1, 2, 3, 4, 4):
        pipe, *asked = sync(api, state, start_date="2026-03-20")
        assert asked[0] == [days]
        state = pipe.states[-1]
        api.world.advance(days=1)


def test_a_start_date_after_the_bookmark_leaves_out_the_days_between(api: Api) -> None:
    first, *_ = sync(api)
    api.world.advance(days=8)

    assert sync(api, first.states[-1], start_date="2026-03-10")[1:] == ([1], ["2026-03-09"])


def test_a_start_date_that_moves_back_reads_no_window_again(api: Api) -> None:
    state = sync(api, start_date="2026-02-16", model_stats_window_days=1)[0].states[-1]
    windows = sync(api, state, start_date="2026-02-15", model_stats_window_days=1)[2]
    assert windows == ["2026-02-15", "2026-02-28", "2026-03-01", "2026-03-02"]


def test_windows_of_which_no_state_says_how_long_they_are_are_not_read_again(api: Api) -> None:
    state = sync(api)[0].states[-1]
    assert state["bookmarks"]["model_stats"]["partitions"][0].pop("window_days") == 7
    assert sync(api, state, model_stats_window_days=10)[2] == ["2026-02-20", "2026-03-02"]


@pytest.mark.parametrize(
    ("settings", "days", "history", "then"),
    [
        ({}, 13, "2026-02-01", 3),
        ({"start_date": "2026-01-01"}, 13, "2026-01-01", 3),
        ({"start_date": "2026-02-21"}, 10, "2026-02-21", 3),
        ({"stats_lookback_days": 100}, 111, "2025-11-12", 101),
    ],
)
def test_a_bookmark_set_by_hand_says_that_what_lies_before_was_read(
    api: Api, settings: Json, days: int, history: str, then: int
) -> None:
    pipe, asked, _ = sync(api, bookmarked("2026-02-20"), **settings)
    assert asked == [days]
    (part,) = pipe.states[-1]["bookmarks"]["daily_stats"]["partitions"]
    assert part["start_date"][:10] == history
    assert sync(api, pipe.states[-1], **settings)[1] == [then]


def bookmarked(day: str) -> Json:
    bookmark = {"replication_key": "date", "replication_key_value": day}
    part = {"context": {"project_id": "proj_a"}, **bookmark}
    return {"bookmarks": {"daily_stats": {"partitions": [part]}}}


@pytest.mark.parametrize(("ahead", "days", "kept"), [(1, 4, 1), (2, 4, 2), (4, 30, 0)])
def test_a_bookmark_in_the_future_leaves_out_no_day(
    api: Api, ahead: int, days: int, kept: int
) -> None:
    """Within the look-back another clock may be right; beyond it, everything is read again."""
    pipe, asked, _ = sync(api, bookmarked(f"{TODAY + ahead * DAY}"), stats_lookback_days=3)
    (part,) = pipe.states[-1]["bookmarks"]["daily_stats"]["partitions"]

    assert asked == [days]
    assert part["replication_key_value"][:10] == f"{TODAY + kept * DAY}"


def test_a_state_remembers_only_what_will_be_read_again(api: Api) -> None:
    execute(api, *range(20))
    pipe, *_ = sync(api)
    (part,) = pipe.states[-1]["bookmarks"]["daily_stats"]["partitions"]

    assert len(pipe.rows("daily_stats")) == 20
    assert len(part["sent"]) == 3 * LETTERS


@pytest.mark.parametrize("midnights", [1, 2])
def test_a_day_that_falls_off_at_midnight_is_asked_for_again(api: Api, midnights: int) -> None:
    execute(api, 10)

    def misbehave(request: Request) -> None:
        passed = (api.world.now.date() - TODAY).days
        if request.path.endswith("daily-stats") and passed < midnights:
            api.world.advance(days=1)

    api.misbehave = misbehave
    pipe, days, _ = sync(api, start_date="2026-02-20")

    assert days == [11 + passed for passed in range(midnights + 1)]
    assert [row["date"] for row in pipe.rows("daily_stats")] == ["2026-02-20"]


@pytest.mark.parametrize("day", ["0001-01-01", "1970-01-01", "9999-12-31T23:59:59-08:00"])
def test_statistics_begin_within_the_time_there_can_be_any(api: Api, day: str) -> None:
    settings: Any = {
        "model_stats_window_days": 3_650,
        "stats_lookback_days": 3_650,
        "start_date": day,
    }
    first, *_ = sync(api, **settings)
    sync(api, first.states[-1], **settings)


@pytest.mark.parametrize("offset", ["Z", "+14:00", "-12:00"])
def test_a_start_date_before_the_project_asks_for_no_empty_window(api: Api, offset: str) -> None:
    execute(api, 0, 20, 49)
    created = (api.world.now - 49 * DAY).strftime("%Y-%m-%dT00:00:00") + offset
    api.world.projects["proj_a"].row["created_at"] = created
    first, _, windows = sync(api, start_date="1970-01-01")

    # Of the day before as well, as the server's days may begin earlier.
    assert windows == ["2026-01-05", "2026-01-12", "2026-01-19", *WINDOWS]
    assert len(first.rows("model_stats")) == 3
    # From then on what late runs may change is read, as always.
    again, _, windows = sync(api, first.states[-1], start_date="1970-01-01")
    assert (windows, again.rows("model_stats")) == (WINDOWS[-2:], [])


@pytest.mark.parametrize(
    "created", [None, "soon", 7, "0000-00-00T00:00:00Z", "9999-12-31T23:59:59Z"]
)
def test_where_it_is_not_known_windows_begin_as_the_settings_say(api: Api, created: object) -> None:
    api.world.projects["proj_a"].row["created_at"] = created

    assert sync(api, start_date="2025-10-01")[2][0] == "2025-09-29"


def test_a_project_that_is_older_or_younger_than_was_said_loses_nothing(api: Api) -> None:
    execute(api, 1, 30)
    row, state = api.world.projects["proj_a"].row, None
    for days_ago, rows in ((3, 1), (31, 1)):
        row["created_at"] = to_text(api.world.now - days_ago * DAY)
        pipe, *_ = sync(api, state, start_date="1970-01-01")
        assert len(pipe.rows("model_stats")) == rows
        state = pipe.states[-1]
    api.world.advance(days=21)
    execute(api, 10)
    row["created_at"] = to_text(api.world.now - DAY)
    pipe, _, windows = sync(api, state, start_date="1970-01-01")

    assert windows == [*WINDOWS[-2:], "2026-03-09", "2026-03-16", "2026-03-23"]
    assert [item["start_date"] for item in pipe.rows("model_stats")] == ["2026-03-09"]


NO_DATE = "GET /projects/proj_a/runs/daily-stats: a row has no date, so it cannot be loaded"
NO_DAY = "GET /projects/proj_a/runs/daily-stats: a row's date is not written YYYY-MM-DD"
NO_MODEL = "GET /projects/proj_a/model-executions/stats: a row has no model_name"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, NO_DATE),
        ({"date": ""}, NO_DATE),
        ({"date": ["2026-03-02"]}, NO_DATE),
        ({"date": "20260302"}, NO_DAY),
        ({"date": "2026-3-2"}, NO_DAY),
        ({"date": "2026-02-30"}, NO_DAY),
        ({"date": "2026-03-02T00:00:00Z"}, NO_DAY),
        ({"total_executions": 1}, NO_MODEL),
        ({"model_name": ""}, NO_MODEL),
        ({"model_name": 7}, NO_MODEL),
    ],
)
def test_a_row_without_a_day_or_model(api: Api, tap: Tap, row: Json, message: str) -> None:
    stream, name = ("model_stats", "stats") if message is NO_MODEL else ("daily_stats",) * 2
    execute(api, 0)

    def alter(answer: Json) -> None:
        # A page of runs may have `stats` as well, which is one object.
        if isinstance(answer.get(name), list) and answer[name]:
            answer[name].append(row)
            if passes:
                api.alter = lambda _: None

    passes, api.alter = False, alter
    failed = tap(project_ids=["proj_a"], max_attempts=2)
    assert message in failed.error
    assert failed.records(stream) == []
    (part,) = failed.state["bookmarks"][stream]["partitions"]
    assert "replication_key_value" not in part

    passes = True
    done = tap(state=failed.state, project_ids=["proj_a"], max_attempts=2).succeeded
    assert len(done.records(stream)) == 1
