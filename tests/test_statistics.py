"""Which days the statistics streams ask for."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from tap_dagctl import days
from tests.syncs import Output, config_of, run_tap

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dagctl_api.server import Api, Request

TODAY = date(2026, 3, 2)  # a Monday
DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))


def sync(
    api: Api, directory: Path, state: dict[str, Any] | None = None, **settings: Any
) -> tuple[Output, dict[str, list[dict[str, str]]]]:
    """Sync `proj_a` and return what was asked for, by the last part of the path."""
    api.requests.clear()
    output = run_tap(directory, config_of(api, project_ids=["proj_a"], **settings), state=state)
    assert output.exit_code == 0, output.stderr
    asked: dict[str, list[dict[str, str]]] = {}
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


def test_a_day_that_changed_late_is_sent_again(api: Api, tmp_path: Path) -> None:
    start = "2026-03-02T05:00:00Z"
    run = {"id": "run", "status": "running", "start_time": start, "duration_seconds": None}
    api.world.put("runs", "proj_a", run)
    first, _ = sync(api, tmp_path)
    api.world.advance(days=2)
    api.world.change("runs", "proj_a", "run", status="success", duration_seconds=90_000.5)
    second, _ = sync(api, tmp_path, first.state)

    assert first.records("daily_stats")[0]["p95_duration_seconds"] is None
    (row,) = second.records("daily_stats")
    assert (row["date"], row["p95_duration_seconds"]) == ("2026-03-02", 90_000.5)


@given(first=DAYS, length=st.integers(1, 400), ahead=st.integers(0, 1_000))
def test_windows_cover_every_day_once_and_lie_on_one_grid(
    first: date, length: int, ahead: int
) -> None:
    today = first + timedelta(days=ahead)
    windows = list(days.windows(first, today, length))

    assert windows[0].start <= first <= windows[0].end
    assert windows[-1].start <= today <= windows[-1].end
    for before, after in pairwise(windows):
        assert after.start == before.end + timedelta(days=1)
    for window in windows:
        assert (window.start - days.FIRST_WINDOW).days % length == 0
        assert (window.end - window.start).days == length - 1
    # Whoever begins elsewhere cuts time at the same places.
    assert set(days.windows(today, today, length)) <= set(windows)


@given(
    bookmark=st.none() | DAYS,
    start=st.none() | DAYS,
    lookback=st.integers(0, 5_000),
    today=DAYS,
)
def test_no_day_that_may_have_changed_is_left_out(
    bookmark: date | None, start: date | None, lookback: int, today: date
) -> None:
    first = days.first_day(bookmark, start, lookback, today)

    assert first <= today
    if bookmark is None and start is None:
        assert first == today - timedelta(days=29)
    if bookmark is not None:
        assert first <= max(bookmark - timedelta(days=lookback), start or date.min)
    if start is not None and start <= today:
        assert first >= start or bookmark is not None


def test_a_day_that_falls_off_at_midnight_is_asked_for_again(api: Api, tmp_path: Path) -> None:
    api.world.put("runs", "proj_a", {"id": "run", "start_time": "2026-02-20T10:00:00Z"})

    def misbehave(request: Request) -> None:
        if request.path.endswith("daily-stats") and api.world.now.date() == TODAY:
            api.world.advance(days=1)

    api.misbehave = misbehave
    output, asked = sync(api, tmp_path, start_date="2026-02-20")

    assert asked["daily-stats"] == [{"days": "11"}, {"days": "12"}]
    assert [row["date"] for row in output.records("daily_stats")] == ["2026-02-20"]
