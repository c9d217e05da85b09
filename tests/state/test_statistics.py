"""Which days the statistics streams ask for."""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from tap_dagctl.settings import Settings
from tap_dagctl.state.bookmark import Bookmark
from tap_dagctl.state.sent_records import LETTERS
from tap_dagctl.state.statistics import Days, days_to_read
from tests.support.statistics_histories import prove
from tests.support.statistics_promise import DAY
from tests.support.syncs import Output, config_of, run_tap

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api, Request

Asked = dict[str, list[dict[str, str]]]
TODAY = date(2026, 3, 2)  # a Monday


@pytest.fixture(autouse=True)
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are counted in their order: none is made ahead, however slow this machine is."""
    monkeypatch.setattr("tap_dagctl.api.prefetch.WORTH_WAITING_SECONDS", math.inf)


def sync(
    api: Api, directory: Path, state: dict[str, Any] | None = None, **settings: Any
) -> tuple[Output, Asked]:
    """Sync `proj_a` and return what was asked for, by the last part of the path."""
    api.requests.clear()
    output = run_tap(directory, config_of(api, project_ids=["proj_a"], **settings), state=state)
    assert output.exit_code == 0, output.stderr
    asked: Asked = {}
    for request in api.requests:
        asked.setdefault(request.path.rsplit("/", 1)[-1], []).append(request.params)
    return output, asked


def test_a_first_sync_reads_about_thirty_days(api: Api, tmp_path: Path) -> None:
    _, asked = sync(api, tmp_path)

    assert asked["daily-stats"] == [{"days": "30"}]
    assert asked["stats"] == [
        {"start_date": "2026-01-26", "end_date": "2026-02-01"},
        {"start_date": "2026-02-02", "end_date": "2026-02-08"},
        {"start_date": "2026-02-09", "end_date": "2026-02-15"},
        {"start_date": "2026-02-16", "end_date": "2026-02-22"},
        {"start_date": "2026-02-23", "end_date": "2026-03-01"},
        {"start_date": "2026-03-02", "end_date": "2026-03-08"},
    ]


def test_a_later_sync_reads_what_late_runs_may_have_changed(api: Api, tmp_path: Path) -> None:
    first, _ = sync(api, tmp_path)
    api.world.advance(days=3)
    second, asked = sync(api, tmp_path, first.state)
    # 2 March less 2 days, up to 5 March
    assert asked["daily-stats"] == [{"days": "6"}]
    assert asked["stats"] == [
        {"start_date": "2026-02-23", "end_date": "2026-03-01"},
        {"start_date": "2026-03-02", "end_date": "2026-03-08"},
    ]

    _, asked = sync(api, tmp_path, second.state, stats_lookback_days=0)
    assert asked["daily-stats"] == [{"days": "1"}]
    assert asked["stats"] == [{"start_date": "2026-03-02", "end_date": "2026-03-08"}]


def test_a_start_date_is_the_first_day(api: Api, tmp_path: Path) -> None:
    _, asked = sync(
        api, tmp_path, start_date="2026-02-20T15:00:00+02:00", model_stats_window_days=10
    )

    assert asked["daily-stats"] == [{"days": "11"}]
    assert asked["stats"] == [
        {"start_date": "2026-02-20", "end_date": "2026-03-01"},
        {"start_date": "2026-03-02", "end_date": "2026-03-11"},
    ]
    assert asked["runs"][0]["updated_after"] == "2026-02-20T12:59:59.999999Z"


def test_a_bookmark_of_tomorrow_leaves_out_no_day_that_may_have_changed() -> None:
    config = {"api_token": "made-up", "organization_id": "org", "stats_lookback_days": 3}
    settings = Settings.from_config(config, version="1")

    def days_from(bookmarked: date) -> Days:
        state = {
            "replication_key": "date",
            "replication_key_value": f"{bookmarked}",
            "start_date": f"{TODAY - 60 * DAY}",
        }
        return days_to_read(settings, TODAY, Bookmark(state, "daily_stats of proj_a", "date"))

    assert days_from(TODAY + DAY) == days_from(TODAY)


def test_a_start_date_in_the_future_reads_just_today(api: Api, tmp_path: Path) -> None:
    output, asked = sync(api, tmp_path, start_date="2026-03-20")
    assert asked["daily-stats"] == [{"days": "1"}]
    assert asked["stats"] == [{"start_date": "2026-03-02", "end_date": "2026-03-08"}]

    # Day by day the history goes on, and late runs are followed.
    for days_asked in ("2", "3", "4", "4"):
        api.world.advance(days=1)
        output, asked = sync(api, tmp_path, output.state, start_date="2026-03-20")
        assert asked["daily-stats"] == [{"days": days_asked}]


def test_windows_of_another_length_are_read_from_the_start_on(api: Api, tmp_path: Path) -> None:
    first, _ = sync(api, tmp_path, start_date="2026-02-16")
    second, asked = sync(
        api, tmp_path, first.state, start_date="2026-02-16", model_stats_window_days=1
    )
    assert asked["daily-stats"] == [{"days": "3"}]
    days_asked = [window["end_date"] for window in asked["stats"]]
    assert days_asked == [(TODAY - ago * DAY).isoformat() for ago in range(14, -1, -1)]

    _, asked = sync(api, tmp_path, second.state, start_date="2026-02-15", model_stats_window_days=1)
    assert [window["end_date"][-2:] for window in asked["stats"]] == ["15", "28", "01", "02"]
    # A state that does not say how long they were is of the same.
    for part in second.state["bookmarks"]["model_stats"]["partitions"]:
        assert part.pop("window_days") == 1
    _, asked = sync(api, tmp_path, second.state, start_date="2026-02-16")
    assert len(asked["stats"]) == 2


@pytest.mark.parametrize(
    ("settings", "days_asked", "history"),
    [
        ({}, "13", "2026-02-01"),
        ({"start_date": "2026-01-01"}, "13", "2026-01-01"),
        ({"start_date": "2026-02-21"}, "10", "2026-02-21"),
        ({"stats_lookback_days": 100}, "111", "2025-11-12"),
    ],
)
def test_a_bookmark_set_by_hand_says_that_what_lies_before_was_read(
    api: Api, tmp_path: Path, settings: dict[str, Any], days_asked: str, history: str
) -> None:
    context = {"context": {"project_id": "proj_a"}}
    bookmark = {"replication_key": "date", "replication_key_value": "2026-02-20"}
    state = {"bookmarks": {"daily_stats": {"partitions": [{**context, **bookmark}]}}}
    output, asked = sync(api, tmp_path, state, **settings)
    (part,) = output.state["bookmarks"]["daily_stats"]["partitions"]

    assert asked["daily-stats"] == [{"days": days_asked}]
    assert part["start_date"][:10] == history
    _, asked = sync(api, tmp_path, output.state, **settings)
    assert asked["daily-stats"] == [{"days": "101" if "stats" in str(settings) else "3"}]


def test_a_state_remembers_only_what_will_be_read_again(api: Api, tmp_path: Path) -> None:
    for ago in range(20):
        started = {"start_time": f"{TODAY - ago * DAY}T01:00:00Z"}
        api.world.put("runs", "proj_a", {"id": f"run {ago}", **started})
    output, _ = sync(api, tmp_path)
    (part,) = output.state["bookmarks"]["daily_stats"]["partitions"]

    assert len(output.records("daily_stats")) == 20
    assert len(part["sent"]) == 3 * LETTERS


@pytest.mark.parametrize("midnights", [1, 2])
def test_a_day_that_falls_off_at_midnight_is_asked_for_again(
    api: Api, tmp_path: Path, midnights: int
) -> None:
    api.world.put("runs", "proj_a", {"id": "run", "start_time": "2026-02-20T10:00:00Z"})

    def misbehave(request: Request) -> None:
        passed = (api.world.now.date() - TODAY).days
        if request.path.endswith("daily-stats") and passed < midnights:
            api.world.advance(days=1)

    api.misbehave = misbehave
    output, asked = sync(api, tmp_path, start_date="2026-02-20")

    assert asked["daily-stats"] == [{"days": f"{11 + days}"} for days in range(midnights + 1)]
    assert [row["date"] for row in output.records("daily_stats")] == ["2026-02-20"]


NO_DATE = "GET /projects/proj_a/runs/daily-stats: a row has no date, so it cannot be loaded"
NO_MODEL = "GET /projects/proj_a/model-executions/stats: a row has no model_name"
NO_DAY = "GET /projects/proj_a/runs/daily-stats: a row's date is not written YYYY-MM-DD"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, NO_DATE),
        ({"date": ""}, NO_DATE),
        ({"date": 20260302}, NO_DATE),
        ({"date": ["2026-03-02"]}, NO_DATE),
        ({"date": "20260302"}, NO_DAY),
        ({"date": "2026-W10-1"}, NO_DAY),
        ({"date": "2026-3-2"}, NO_DAY),
        ({"date": "2026-02-30"}, NO_DAY),
        ({"date": "2026-03-02T00:00:00Z"}, NO_DAY),
        ({"date": "yesterday"}, NO_DAY),
        ({"total_executions": 1}, NO_MODEL),
        ({"model_name": ""}, NO_MODEL),
        ({"model_name": 7}, NO_MODEL),
    ],
)
def test_a_row_that_cannot_be_loaded_is_asked_for_again_and_then_an_error(
    api: Api, tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    stream, rows_key = ("model_stats", "stats") if message is NO_MODEL else ("daily_stats",) * 2
    started = {"start_time": "2026-03-02T01:00:00Z", "model_name": "m"}
    for table in ("runs", "executions"):
        api.world.put(table, "proj_a", {"id": table, **started})

    def alter(answer: dict[str, Any]) -> None:
        # A page of runs may have `stats` as well, which is one object.
        if isinstance(answer.get(rows_key), list) and answer[rows_key]:
            answer[rows_key].append(row)
            if passes:
                api.alter = lambda _: None

    passes, api.alter = False, alter
    config = config_of(api, project_ids=["proj_a"], max_attempts=2)
    failed = run_tap(tmp_path, config)
    assert message in failed.error
    assert failed.records(stream) == []
    (part,) = failed.state["bookmarks"][stream]["partitions"]
    assert "replication_key_value" not in part

    passes = True
    done = run_tap(tmp_path, config, state=failed.state)
    assert done.exit_code == 0, done.stderr
    assert len(done.records(stream)) == 1


@pytest.mark.parametrize("seed", range(2))
def test_no_made_up_history_loses_or_repeats_statistics(seed: int) -> None:
    figures = prove(40, seed)

    assert figures.histories >= 40
    assert figures.cut > 0
    assert figures.records > 100
    assert figures.checked > 5_000
