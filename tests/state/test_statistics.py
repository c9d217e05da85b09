"""Which days the statistics streams ask for. That none is lost, `test_histories` checks."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import pytest

from stand_in.server import Api, Request
from stand_in.world import to_text
from tap_dagctl.state.sent_records import LETTERS
from tests.support import in_process
from tests.support.in_process import Collector
from tests.support.syncs import Json, Tap

DAY = timedelta(days=1)
TODAY = date(2026, 3, 2)  # a Monday
WINDOWS = ["2026-01-26", "2026-02-02", "2026-02-09", "2026-02-16", "2026-02-23", "2026-03-02"]


@pytest.fixture(autouse=True)
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are counted in their order: none is made ahead, however slow this machine is."""
    monkeypatch.setattr("tap_dagctl.api.prefetch.WORTH_WAITING_SECONDS", math.inf)


def sync(
    api: Api, state: Json | None = None, **settings: Any
) -> tuple[Collector, list[int], list[str]]:
    """Sync; return what came, how many days were asked for, and where the windows begin."""
    pipe = in_process.sync(api, state, project_ids=["proj_a"], **settings)
    params = [it.params for it in pipe.requests]
    days = [int(it["days"]) for it in params if "days" in it]
    return pipe, days, [it["start_date"] for it in params if "start_date" in it]


def execute(api: Api, *days_ago: int) -> None:
    """Let a run and a model start on each of these days."""
    for ago in days_ago:
        started = {"id": f"{api.world.now} {ago}", "start_time": to_text(api.world.now - ago * DAY)}
        api.world.put("runs", "proj_a", started)
        api.world.put("executions", "proj_a", {**started, "model_name": "orders"})


def part_of(pipe: Collector) -> Json:
    (part,) = pipe.states[-1]["bookmarks"]["daily_stats"]["partitions"]
    return dict(part)


def test_a_first_sync_reads_thirty_days_and_a_later_one_what_may_have_changed(api: Api) -> None:
    first, *asked = sync(api)
    assert asked == [[30], WINDOWS]
    api.world.advance(days=3)
    second, *asked = sync(api, first.states[-1])
    # 2 March less 2 days, up to 5 March
    assert asked == [[6], WINDOWS[-2:]]
    _, *asked = sync(api, second.states[-1], stats_lookback_days=0)
    assert asked == [[1], WINDOWS[-1:]]


def test_a_start_date_that_moves_on_or_back_reads_only_what_is_new(api: Api) -> None:
    first, *_ = sync(api)
    api.world.advance(days=8)
    _, *asked = sync(api, first.states[-1], start_date="2026-03-10")
    assert asked == [[1], ["2026-03-09"]]
    given: Any = {"model_stats_window_days": 1}
    pipe, *_ = sync(api, start_date="2026-02-22", **given)
    assert sync(api, pipe.states[-1], start_date="2026-02-21", **given)[2] == [
        *("2026-02-21", "2026-03-08", "2026-03-09", "2026-03-10")
    ]


def test_windows_of_which_no_state_says_how_long_they_are_are_not_read_again(api: Api) -> None:
    state = sync(api)[0].states[-1]
    assert state["bookmarks"]["model_stats"]["partitions"][0].pop("window_days") == 7
    assert sync(api, state, model_stats_window_days=10)[2] == ["2026-02-20", "2026-03-02"]


@pytest.mark.parametrize(
    ("settings", "days"),
    [
        ({}, 13),
        ({"stats_lookback_days": 100}, 111),
        # Nothing before it is loaded.
        ({"start_date": "2026-02-21"}, 10),
    ],
)
def test_a_bookmark_set_by_hand_says_what_was_read(api: Api, settings: Json, days: int) -> None:
    part = {"replication_key": "date", "replication_key_value": "2026-02-20"}
    partitions = [{"context": {"project_id": "proj_a"}, **part}]
    state = {"bookmarks": {"daily_stats": {"partitions": partitions}}}
    assert sync(api, state, **settings)[1] == [days]


@pytest.mark.parametrize(("ahead", "days", "kept"), [(1, 4, 1), (2, 4, 2), (4, 30, 0)])
def test_a_bookmark_ahead_leaves_out_no_day(api: Api, ahead: int, days: int, kept: int) -> None:
    """Within the look-back another clock may be right; beyond it, everything is read again."""
    state = sync(api)[0].states[-1]
    (part,) = state["bookmarks"]["daily_stats"]["partitions"]
    part["replication_key_value"] = f"{TODAY + ahead * DAY}"
    pipe, asked, _ = sync(api, state, stats_lookback_days=3)

    assert asked == [days]
    assert part_of(pipe)["replication_key_value"][:10] == f"{TODAY + kept * DAY}"


def test_a_state_remembers_only_what_will_be_read_again(api: Api) -> None:
    execute(api, *range(20))
    pipe, *_ = sync(api)

    assert len(pipe.rows("daily_stats")) == 20
    assert len(part_of(pipe)["sent"]) == 3 * LETTERS


def test_a_day_that_falls_off_at_midnight_is_asked_for_again(api: Api) -> None:
    execute(api, 10)

    def misbehave(request: Request) -> None:
        # Twice in one sync.
        if request.path.endswith("daily-stats") and api.world.now.date() < TODAY + 2 * DAY:
            api.world.advance(days=1)

    api.misbehave = misbehave
    pipe, days, _ = sync(api, start_date="2026-02-20")

    assert days == [11, 12, 13]
    assert [row["date"] for row in pipe.rows("daily_stats")] == ["2026-02-20"]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31T23:59:59-08:00"])
def test_statistics_begin_within_the_time_there_can_be_any(api: Api, day: str) -> None:
    lengths: Any = dict.fromkeys(("model_stats_window_days", "stats_lookback_days"), 3_650)
    first, *_ = sync(api, start_date=day, **lengths)
    sync(api, first.states[-1], start_date=day, **lengths)


@pytest.mark.parametrize("offset", ["+14:00", "-12:00"])
def test_a_start_date_before_the_project_asks_for_no_empty_window(api: Api, offset: str) -> None:
    execute(api, 0, 20, 49)
    created = (api.world.now - 49 * DAY).strftime("%Y-%m-%dT00:00:00") + offset
    api.world.projects["proj_a"].row["created_at"] = created
    first, _, windows = sync(api, start_date="1970-01-01")

    # Of the day before as well, as the server's days may begin earlier.
    assert windows == ["2026-01-05", "2026-01-12", "2026-01-19", *WINDOWS]
    assert len(first.rows("model_stats")) == 3
    # From then on what late runs may change is read, as always.
    assert sync(api, first.states[-1], start_date="1970-01-01")[2] == WINDOWS[-2:]


def test_a_project_that_is_older_than_was_said_loses_nothing(api: Api) -> None:
    execute(api, 30)
    state = None
    for days_ago, rows in ((3, 0), (31, 1)):
        created = to_text(api.world.now - days_ago * DAY)
        api.world.projects["proj_a"].row["created_at"] = created
        pipe, *_ = sync(api, state, start_date="1970-01-01")
        assert len(pipe.rows("model_stats")) == rows
        state = pipe.states[-1]


@pytest.mark.parametrize(
    "created",
    # The first is what a server written in Go sends for a time that was never set.
    ["0001-01-01T00:00:00Z", None, "0000-00-00T00:00:00Z", "9999-12-31T23:59:59Z"],
)
def test_where_it_is_not_known_windows_begin_as_the_settings_say(api: Api, created: object) -> None:
    api.world.projects["proj_a"].row["created_at"] = created

    assert sync(api, start_date="2025-10-01")[2][0] == "2025-09-29"


@pytest.mark.parametrize(
    ("stream", "row", "message"),
    [
        ("daily_stats", {}, "runs/daily-stats: a row has no date, so it cannot be loaded"),
        ("daily_stats", {"date": 7}, "runs/daily-stats: a row has no date, so it cannot be loaded"),
        ("daily_stats", {"date": "20260302"}, "a row's date is not written YYYY-MM-DD"),
        ("daily_stats", {"date": "2026-02-30"}, "a row's date is not written YYYY-MM-DD"),
        ("model_stats", {"model_name": ""}, "model-executions/stats: a row has no model_name"),
    ],
)
def test_a_row_without_a_day_or_model_is_one_line_and_waits(
    api: Api, tap: Tap, stream: str, row: Json, message: str
) -> None:
    execute(api, 0)

    def alter(answer: Json) -> None:
        rows = answer.get("stats" if stream == "model_stats" else stream)
        # A page of runs may have `stats` as well, which is one object.
        if isinstance(rows, list) and rows:
            rows.append(row)

    api.alter = alter
    failed = tap(project_ids=["proj_a"], max_attempts=1)
    assert message in failed.error
    assert failed.records(stream) == []

    api.alter = lambda _: None
    assert len(tap(state=failed.state, project_ids=["proj_a"]).succeeded.records(stream)) == 1
