"""What is not there any more: it is in the tables of the past, and in none of those of now."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from stand_in.history import History
from stand_in.server import serving
from stand_in.world import EXECUTIONS, JOBS, RUNS, World, to_text
from tests.support import guide
from tests.support.answers import answer, assert_answers, build
from tests.support.awkward import add_awkward_projects
from tests.support.base_time import NOW
from tests.support.meltano import Meltano
from tests.support.pages import Page, report

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api
    from tests.support.warehouses import Warehouse

SEEDS = range(2)
GONE = "proj_awkward_00"
NOW_TABLES = (
    "sla_breaches",
    "broken_jobs",
    "overdue_runs",
    "held_back_models",
    "slowest_models",
    "job_weeks where is_current",
    "model_regressions where is_current",
)
LONG_AGO = timedelta(days=170)
# What the first sync brings of days that are long past.
SINCE = {"TAP_DAGCTL_START_DATE": "2025-07-01"}


def add_what_will_be_gone(world: World) -> None:
    """Add jobs and models in every state that once stood on top for ever."""
    world.add_project("proj_old", "long ago")
    world.add_project("proj_jobs", "jobs")
    for key, name in (("renamed", "old name"), ("doomed", "doomed"), ("kept", "kept")):
        world.put(JOBS, "proj_jobs", {"id": f"job_{key}", "name": name})
    for days_ago in range(12):
        moment = world.now - timedelta(days=days_ago, hours=2)
        for name in ("old name", "doomed", "kept"):
            add_run(world, "proj_jobs", name, moment, "success" if days_ago else "failed")
        # Neither is of a job in the list, and neither is gone.
        add_run(world, "proj_jobs", "by hand", moment, "failed", cronjob_name=None)
        add_run(world, "proj_jobs", "platform", moment, "failed", job_type="janitor")
        for name in ("old name", "kept"):
            add_run(world, "proj_jobs", name, moment - timedelta(hours=6), "success")
    for name in ("old name", "kept"):
        add_run(world, "proj_jobs", name, world.now - timedelta(hours=9), "running")
    # So that the project that will be deleted is in every table of now.
    add_run(world, GONE, "breaks", world.now - timedelta(hours=1), "failed")
    for number in range(3):
        held = {"model_name": "held", "status": "skipped", "start_time": to_text(world.now)}
        world.put(EXECUTIONS, GONE, {"id": f"exec_held_{number}", **held})
    # What nobody has ended: it is `running` for ever.
    add_run(world, "proj_jobs", "kept", world.now - LONG_AGO, "running")
    for days_ago in range(3):
        moment = world.now - LONG_AGO - timedelta(days=days_ago)
        add_run(world, "proj_old", "yearly", moment, "failed")
        fields = {"status": "success", "start_time": to_text(moment), "duration_seconds": 9_000.0}
        row = {"id": f"exec_old_{days_ago}", "model_name": "slowest of all", **fields}
        world.put(EXECUTIONS, "proj_old", row)


def add_projects_of_one_name(world: World) -> None:
    """Add projects that only their ids tell apart, with something to show for each."""
    names = {"a": "twins", "b": "twins", "c": "awkward 0", "d": "", "e": "proj_named_f", "f": " "}
    for key, name in names.items():
        project = f"proj_named_{key}"
        world.add_project(project, name)
        for days_ago in range(14):
            moment = world.now - timedelta(days=days_ago, hours=2)
            add_run(world, project, "nightly", moment, "failed", seconds=4_000.0)
            fields = {"status": "success", "start_time": to_text(moment)}
            row = {"model_name": "m", "duration_seconds": 300.0 - 10 * days_ago, **fields}
            world.put(EXECUTIONS, project, {"id": f"exec_{key}_{days_ago}", **row})


def add_run(
    world: World,
    project: str,
    job: str,
    moment: datetime,
    status: str,
    *,
    seconds: float = 60.0,
    **fields: Any,
) -> None:
    ended = {"duration_seconds": seconds, "end_time": to_text(moment + timedelta(minutes=1))}
    row = {
        "id": f"run_{project}_{job}_{moment:%Y%m%d%H}",
        "job_name": job,
        "job_type": "run",
        "cronjob_name": f"{project}-{job}",
        "status": status,
        "start_time": to_text(moment),
        **({} if status == "running" else ended),
        **fields,
    }
    world.put(RUNS, project, row)


def remove(world: World) -> World:
    """Delete a project and a job and rename one; return all that was loaded up to then."""
    before = deepcopy(world.projects[GONE])
    world.delete_project(GONE)
    world.delete(JOBS, "proj_jobs", "job_doomed")
    world.change(JOBS, "proj_jobs", "job_renamed", name="new name")
    add_run(world, "proj_jobs", "new name", world.now, "success")
    return replace(world, projects={**world.projects, GONE: before})


def test_nothing_that_is_gone_stands_on_top(warehouse: Warehouse, tmp_path: Path) -> None:
    history = History(World(now=NOW), days=20)
    world = history.world
    add_awkward_projects(world, SEEDS)
    add_what_will_be_gone(world)
    add_projects_of_one_name(world)
    with serving(world) as api:
        meltano = Meltano.of(api, tmp_path)
        meltano.environment |= warehouse.environment | SINCE

        def load(days: int) -> None:
            meltano.environment["TAP_DAGCTL_MODEL_STATS_WINDOW_DAYS"] = str(days)
            meltano.run("tap-dagctl", warehouse.loader)

        load(7)
        build(meltano, warehouse, world.now, dagctl_gone_after_days=0)
        assert_answers(warehouse, world)
        assert_regressions(warehouse, api, {7: True})
        broken = answer(warehouse, "broken_jobs")
        assert {("proj_jobs", "old name"), ("proj_jobs", "doomed")} < broken.keys()

        history.advance(timedelta(hours=3))
        loaded = remove(world)
        load(3)
        # It may have been another tap's turn: a single sync says nothing.
        build(meltano, warehouse, world.now)
        assert_answers(warehouse, loaded, window_days=3, windows_of={GONE: 7})
        before = breaches(warehouse)
        assert all(GONE in projects_of(warehouse, name) for name in NOW_TABLES)
        build(meltano, warehouse, world.now, dagctl_gone_after_days=0)
        assert_answers(warehouse, loaded, gone={GONE}, window_days=3)
        assert breaches(warehouse) == guide.sla_breaches(api, lambda _: 1_800)
        assert {project for project, _ in before} > {GONE}
        assert not any(GONE in projects_of(warehouse, name) for name in NOW_TABLES)
        assert_regressions(warehouse, api, {7: False, 3: True})
        broken = answer(warehouse, "broken_jobs")
        assert {job for project, job in broken if project == "proj_jobs"} == {
            "kept",
            "by hand",
            "platform",
        }
        assert_the_page_shows_what_is_there(warehouse, tmp_path / "report.html")

        load(30)
        days_pass(warehouse, 4)
        build(meltano, warehouse, world.now)
        assert_answers(warehouse, loaded, gone={GONE}, window_days=30)
        assert_regressions(warehouse, api, {7: False, 3: False, 30: True})


def days_pass(warehouse: Warehouse, days: int) -> None:
    """Let the syncs that brought the project be so many days older, by the loader's own columns."""
    warehouse.execute(
        f"update dagctl.projects set "  # noqa: S608 - numbers and names from above
        f"_sdc_sync_started_at = _sdc_sync_started_at - {days * 86_400_000} where id = '{GONE}'"
    )


def projects_of(warehouse: Warehouse, table: str) -> set[str]:
    rows = warehouse.query(f"select project_id from dagctl_answers.{table}")  # noqa: S608 - from above
    return {row["project_id"] for row in rows}


def breaches(warehouse: Warehouse) -> dict[Any, Any]:
    values = ("p95_duration_seconds", "max_duration_seconds", "total_runs")
    return {
        (row["project_id"], row["date"]): tuple(row[name] for name in values)
        for row in warehouse.query("select * from dagctl_answers.sla_breaches")
    }


def assert_regressions(warehouse: Warehouse, api: Api, lengths: dict[int, bool]) -> None:
    """Compare each length's windows with the guide's; only those of the newest length are news."""
    rows = warehouse.query("select * from dagctl_answers.model_regressions")
    today = api.world.now.date()
    found: dict[int, dict[Any, Any]] = {days: {} for days in lengths}
    for row in rows:
        days = (row["end_date"] - row["start_date"]).days + 1
        is_news = lengths[days] and (today - row["start_date"]).days < 2 * days
        assert row["is_current"] == (is_news and row["project_id"] in api.world.projects), row
        # Its past stays; the API does not tell it any more.
        if row["project_id"] in api.world.projects:
            key = (row["project_id"], row["model_name"], row["start_date"])
            values = ("previous_p95_duration_seconds", "p95_duration_seconds", "change_percent")
            found[days][key] = tuple(row[name] for name in values)
    assert any(row["project_id"] == GONE for row in rows)
    for days, windows in found.items():
        first = datetime(2025, 7, 1, tzinfo=timezone.utc).date()
        assert windows == guide.model_regressions(api, first, today, window_days=days), days


def assert_the_page_shows_what_is_there(warehouse: Warehouse, path: Path) -> None:
    kind = warehouse.loader.removeprefix("target-")
    done = report(path, "--warehouse", kind, **warehouse.environment)
    assert done.returncode == 0, done.stderr
    text = path.read_text()
    found = Page(text)
    (gone,) = (table for table in found.tables if table[0][-1] == "Last there")
    assert [row[:2] for row in gone[1:]] == [[f"awkward 0 ({GONE})", GONE]]
    for table in found.tables:
        for row in table[1:]:
            assert table is gone or f"awkward 0 ({GONE})" not in row
            assert "yearly" not in row
            assert "slowest of all" not in row
            assert "doomed" not in row or table[0][2] == "Time lost"
    names = [text for tag, text in found.texts if tag == "h3"]
    assert len(names) == len(set(names))
    assert {
        "twins (proj_named_a)",
        "twins (proj_named_b)",
        "awkward 0",
        "proj_named_d",
        "proj_named_f (proj_named_e)",
        "proj_named_f",
    } < set(names)
    assert f"awkward 0 ({GONE})" not in names
    # Nothing of it is in the days of the charts, so it has none.
    assert "long ago" not in names
    assert "No run in the last 30 days: long ago." in "".join(text for _, text in found.texts)
