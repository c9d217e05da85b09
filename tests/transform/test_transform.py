"""The answers, through the real chain: API, Meltano, loader, dbt; in DuckDB and in PostgreSQL."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from stand_in.history import SLOW_PROJECT, SLOWER_MODEL, SLOWER_PROJECT, History
from stand_in.server import serving
from stand_in.world import World
from tests.support.answers import assert_answers, assert_the_guides_answers, build
from tests.support.awkward import add_awkward_projects, move_on
from tests.support.base_time import FIRST_DAY, NOW
from tests.support.meltano import Meltano
from tests.support.pages import Page, report

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.warehouses import Warehouse

SEEDS = range(8)
OVERRIDES = {"awkward 1": 2_400, "proj_awkward_02": 0}


def test_every_answer_after_every_load(warehouse: Warehouse, tmp_path: Path) -> None:
    history = History(World(now=NOW), days=40)
    world = history.world
    add_awkward_projects(world, SEEDS)
    with serving(world) as api:
        meltano = Meltano.of(api, tmp_path)
        meltano.environment |= warehouse.environment
        job = {"target-duckdb": "everything", "target-postgres": "everything-postgres"}
        load = ("tap-dagctl", warehouse.loader)
        for hours, steps in ((0, load), (30, load), (0, (job[warehouse.loader],))):
            history.advance(timedelta(hours=hours))
            if hours:
                move_on(world, SEEDS)
            meltano.run(*steps)
            build(meltano, warehouse, world.now, dagctl_sla_seconds_by_project=OVERRIDES)

            assert warehouse.differences(world, FIRST_DAY) == []
            staged = warehouse.differences(world, FIRST_DAY, "dagctl_answers", "stg_dagctl__")
            assert staged == []
            assert_the_guides_answers(api, warehouse, OVERRIDES)
            assert_answers(warehouse, world)
    assert_what_was_planted_is_found(warehouse)
    assert_the_report_says_it(warehouse, tmp_path / "report.html")


def assert_what_was_planted_is_found(warehouse: Warehouse) -> None:
    """And nothing else, among the projects that are not awkward."""
    breaches = warehouse.query(
        "select project_name, date from dagctl_answers.sla_breaches "
        "where project_id not like 'proj_awkward%'"
    )
    assert breaches == [{"project_name": SLOW_PROJECT, "date": date(2026, 3, 1)}]
    regressions = warehouse.query(
        "select project_name, model_name, start_date, windows_ago "
        "from dagctl_answers.model_regressions "
        "where project_id not like 'proj_awkward%'"
    )
    assert regressions == [
        {
            "project_name": SLOWER_PROJECT,
            "model_name": SLOWER_MODEL,
            "start_date": date(2026, 2, 23),
            "windows_ago": 1,
        }
    ]


def assert_the_report_says_it(warehouse: Warehouse, path: Path) -> None:
    kind = warehouse.loader.removeprefix("target-")
    done = report(path, "--warehouse", kind, **warehouse.environment)
    assert done.returncode == 0, done.stderr
    found = Page(path.read_text())
    breaches, regressions = found.tables[:2]
    ((expected,),) = (
        row.values() for row in warehouse.query("select count(*) from dagctl_answers.sla_breaches")
    )
    assert len(breaches) - 1 == expected
    assert any(row[:2] == ["1 Mar 2026", SLOW_PROJECT] for row in breaches)
    assert any(row[:2] == [SLOWER_MODEL, SLOWER_PROJECT] for row in regressions)
    # Each project has its two charts, and the numbers behind them.
    projects = 3 + len(SEEDS)
    assert sum(tag == "svg" for tag, _ in found.elements) == 2 * projects
    assert sum(table[0][0] == "Day" and table[0][-1] == "p95" for table in found.tables) == projects
