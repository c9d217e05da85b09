"""The answers on a whole account, through API, tap, loader and dbt, in DuckDB and in PostgreSQL."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from report.notify.findings import KINDS
from report.wrong import what_is_wrong
from stand_in.history import PIPELINES, SLOW_PROJECT, SLOWER_MODEL, SLOWER_PROJECT, History
from stand_in.server import Reply, serving
from stand_in.world import World
from tests.support import guide
from tests.support.answers import answer, assert_answers, assert_the_guides_answers
from tests.support.awkward import add_awkward_projects, move_on
from tests.support.base_time import NOW
from tests.support.gone import GONE, add_projects_of_one_name, add_what_will_be_gone, remove
from tests.support.pages import Page, answers
from tests.support.pipe import Pipe
from tests.support.reports import notify, report

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api
    from tests.support.dbt_server import Dbt
    from tests.support.warehouses import Warehouse

SEEDS = range(8)
OVERRIDES = {"awkward 1": 2_400, "proj_awkward_02": 0}
REFUSED = PIPELINES[1].key
FIRST_DAY = date(2026, 1, 1)
NOW_TABLES = (
    "sla_breaches",
    "broken_jobs",
    "overdue_runs",
    "held_back_models",
    "slowest_models",
    "job_weeks where is_current",
    "model_regressions where is_current",
)


def test_every_answer_after_every_load(warehouse: Warehouse, dbt: Dbt, tmp_path: Path) -> None:
    history = History(World(now=NOW), days=40)
    world = history.world
    add_awkward_projects(world, SEEDS)
    add_what_will_be_gone(world)
    add_projects_of_one_name(world)
    with serving(world) as api:
        settings = {"start_date": f"{FIRST_DAY}T00:00:00Z", "refused_projects": "warn"}
        pipe = Pipe(api, warehouse, tmp_path, settings)

        def build(command: str = "run", **variables: Any) -> None:
            overrides = {"dagctl_sla_seconds_by_project": OVERRIDES}
            dbt.build(warehouse, command, now=world.now, **overrides, **variables)

        pipe.load(model_stats_window_days=7)
        history.advance(timedelta(hours=30))
        move_on(world, SEEDS)
        pipe.load(model_stats_window_days=7)
        build("build", dagctl_gone_after_days=0)
        assert warehouse.differences(world, FIRST_DAY) == []
        staged = warehouse.differences(world, FIRST_DAY, "dagctl_answers", "stg_dagctl__")
        assert staged == []
        assert_the_guides_answers(api, warehouse, OVERRIDES, FIRST_DAY)
        assert_answers(warehouse, world)
        assert_what_was_planted_is_found(warehouse)
        broken = answer(warehouse, "broken_jobs")
        assert {("proj_jobs", "old name"), ("proj_jobs", "doomed")} < broken.keys()

        history.advance(timedelta(hours=3))
        loaded = remove(world)
        api.misbehave = lambda it: Reply(403, b"") if f"{REFUSED}/plans" in it.path else None
        pipe.load(model_stats_window_days=3)
        api.misbehave = lambda _: None
        # It may have been another tap's turn: a single sync says nothing.
        build()
        assert_answers(warehouse, loaded, window_days=3, windows_of={GONE: 7})
        assert all(GONE in projects_of(warehouse, name) for name in NOW_TABLES)
        build(dagctl_gone_after_days=0)
        assert_answers(warehouse, loaded, gone={GONE}, window_days=3)
        assert breaches(warehouse) == guide.sla_breaches(api, seconds_of)
        assert not any(GONE in projects_of(warehouse, name) for name in NOW_TABLES)
        assert_regressions(warehouse, api, {7: False, 3: True})
        broken = answer(warehouse, "broken_jobs")
        still = {job for project, job in broken if project == "proj_jobs"}
        assert still == {"kept", "by hand", "platform"}
        assert_the_page_says_it(warehouse, tmp_path / "report.html")

        pipe.load(model_stats_window_days=30)
        days_pass(warehouse, 4)
        build()
        assert_answers(warehouse, loaded, gone={GONE}, window_days=30)
        assert_regressions(warehouse, api, {7: False, 3: False, 30: True})
        assert warehouse.query("select * from dagctl_answers.unread_streams") == []


def seconds_of(project: dict[str, Any]) -> float:
    return OVERRIDES.get(project["id"], OVERRIDES.get(project["name"], 1_800))


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


def assert_what_was_planted_is_found(warehouse: Warehouse) -> None:
    """And nothing else, among the projects that are not awkward."""
    ordinary = {it.name for it in PIPELINES}

    def found(columns: str, table: str) -> list[dict[str, Any]]:
        rows = warehouse.query(f"select project_name, {columns} from dagctl_answers.{table}")  # noqa: S608 - from below
        return [row for row in rows if row["project_name"] in ordinary]

    breach = {"project_name": SLOW_PROJECT, "date": date(2026, 3, 1)}
    assert found("date", "sla_breaches") == [breach]
    regressions = found("model_name, start_date, windows_ago", "model_regressions")
    named = {"project_name": SLOWER_PROJECT, "model_name": SLOWER_MODEL}
    assert regressions == [{**named, "start_date": date(2026, 2, 23), "windows_ago": 1}]


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
        expected = guide.model_regressions(api, FIRST_DAY, today, window_days=days)
        assert windows == expected, days


def assert_the_page_says_it(warehouse: Warehouse, path: Path) -> None:
    done = report(warehouse, path)
    assert done.returncode == 0, done.stderr
    text = path.read_text()
    found = Page(text)
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
    # Each has its two charts; two more are of all projects.
    assert sum(tag == "svg" for tag, _ in found.elements) == 2 * len(names) + 2
    assert any(row[:2] == ["1 Mar 2026", SLOW_PROJECT] for row in found.table("breaches"))
    assert len(found.table("breaches")) - 1 == len(breaches(warehouse))
    current = warehouse.query("select * from dagctl_answers.model_regressions where is_current")
    assert len(found.table("regressions")) - 1 == len(current) > 1
    months = found.table("months")
    assert any(row[0] == SLOW_PROJECT and row[1].startswith("1 of ") for row in months)

    # What is gone, or long ago, is in no other table.
    gone = f"awkward 0 ({GONE})"
    assert [row[:2] for row in found.table("gone")[1:]] == [[gone, GONE]]
    assert not {gone, "long ago"} & set(names)
    assert "No run in the last 30 days: long ago." in "".join(text for _, text in found.texts)
    for table, name in zip(found.tables, found.classes, strict=True):
        for row in table[1:]:
            assert not {"yearly", "slowest of all"} & set(row)
            assert name == "gone" or gone not in row
            assert "doomed" not in row or table[0][2] == "Time lost"

    _, *unread = found.table("unread")
    refused = [SLOW_PROJECT, "plans", "the server answered 403"]
    assert [[*row[:2], row[-1]] for row in unread] == [refused]
    fresh = found.table("fresh")
    failing = [row[0] for row in fresh if row[-1] == "did not read all of it"]
    assert failing == [SLOW_PROJECT]

    # It counts what a first message tells.
    said = notify(warehouse, "--dry-run").stdout
    (told,) = re.findall(r"^dagctl: ([\d,]+) new", said, re.MULTILINE)
    anchors = {table.held_in: table.anchor for table in what_is_wrong(answers(unread=[{}]))}
    tiles = dict(re.findall(r'href="#([\w-]+)"><b>([\d,]+)', text))
    shown = {table: int(tiles.get(anchor, 0)) for table, anchor in anchors.items()}
    assert sum(shown[kind.table] for kind in KINDS.values()) == int(told) > 1
    assert f"<h1>{sum(shown.values())} things need you</h1>" in text
