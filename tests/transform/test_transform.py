"""The answers, through the real chain: API, Meltano, loader, dbt; in DuckDB and in PostgreSQL."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from stand_in.history import SLOW_PROJECT, SLOWER_MODEL, SLOWER_PROJECT, History
from stand_in.server import serving
from stand_in.world import World
from tests.support import expected_answers, guide
from tests.support.awkward import add_awkward_projects, move_on
from tests.support.base_time import FIRST_DAY, NOW
from tests.support.meltano import Meltano
from tests.support.pages import Page, report
from tests.support.warehouses import duckdb_at, postgres_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stand_in.server import Api
    from stand_in.world import Row
    from tests.support.warehouses import Warehouse

SEEDS = range(8)
OVERRIDES = {"awkward 1": 2_400, "proj_awkward_02": 0}
# What a table answers, beside what is the same in all rows of a project: its key, then the rest.
COLUMNS = {
    "model_days": (
        "project_id, model_name, date",
        """executions, successful_executions, failed_executions, held_back_executions,
        p50_duration_seconds, p95_duration_seconds, p99_duration_seconds, max_duration_seconds,
        total_duration_seconds""",
    ),
    "run_days": (
        "project_id, date",
        """total_runs, successful_runs, partial_runs, failed_runs,
        p50_duration_seconds, p95_duration_seconds, max_duration_seconds""",
    ),
    "job_weeks": (
        "project_id, job_name, week",
        """finished_runs, success_rate, p50_duration_seconds, p95_duration_seconds,
        previous_p50_duration_seconds, change_percent""",
    ),
    "time_lost": (
        "project_id, job_name, date",
        "partial_runs, failed_runs, error_runs, failed_models, lost_seconds",
    ),
    "held_back_models": (
        "project_id, model_name",
        "executions, skipped_executions, blocked_executions, held_back_in_a_row, last_ran_at",
    ),
    "overdue_runs": ("run_id", "running_seconds, usual_p95_duration_seconds, usual_runs"),
    "broken_jobs": (
        "project_id, job_name",
        "broken_runs, broken_since, run_id, status, error_message",
    ),
}


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    directory = tmp_path_factory.mktemp("warehouse")
    if request.param == "duckdb":
        yield duckdb_at(directory / "warehouse.duckdb")
    else:
        with postgres_in(directory) as warehouse:
            yield warehouse


def answer(warehouse: Warehouse, name: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    keys, columns = COLUMNS[name]
    width = keys.count(",") + 1
    rows = warehouse.query(f"select {keys}, {columns} from dagctl_answers.{name}")  # noqa: S608 - from above
    return {tuple(row.values())[:width]: tuple(row.values())[width:] for row in rows}


def build(meltano: Meltano, warehouse: Warehouse, now: datetime, **variables: Any) -> str:
    """Build the answers as of the API's own clock; nothing may fail or warn."""
    variables["dagctl_as_of"] = f"{now:%Y-%m-%d %H:%M:%S}"
    done = meltano("invoke", warehouse.dbt, "build", "--vars", json.dumps(variables))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARN=0 ERROR=0 SKIP=0" in done.stdout
    return done.stdout


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
            assert_the_guides_answers(api, warehouse)
            for name in COLUMNS:
                expected = getattr(expected_answers, name)(world)
                assert expected, f"the histories hold nothing for {name}"
                assert_same(answer(warehouse, name), expected, name)
    assert_what_was_planted_is_found(warehouse)
    assert_the_report_says_it(warehouse, tmp_path / "report.html")


def assert_same(
    found: dict[tuple[Any, ...], tuple[Any, ...]],
    expected: dict[tuple[Any, ...], tuple[Any, ...]],
    name: str,
) -> None:
    assert found.keys() == expected.keys(), name
    different = [
        f"{name}: {key}: {found[key]}, not {values}"
        for key, values in expected.items()
        if not all(map(same, found[key], values))
    ]
    assert different == []


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and found is not None:
        # The databases interpolate in another order, and sum in one of their own.
        return math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-9)
    return bool(found == expected)


def assert_the_guides_answers(api: Api, warehouse: Warehouse) -> None:
    def seconds_of(project: Row) -> float:
        return OVERRIDES.get(project["id"], OVERRIDES.get(project["name"], 1_800))

    breaches = {
        (row["project_id"], row["date"]): (
            row["p95_duration_seconds"],
            row["max_duration_seconds"],
            row["total_runs"],
        )
        for row in warehouse.query("select * from dagctl_answers.sla_breaches")
    }
    expected = guide.sla_breaches(api, seconds_of)
    assert breaches == expected
    assert {project for project, _ in expected} >= {"proj_awkward_02"}

    rows = warehouse.query("select * from dagctl_answers.model_regressions")
    regressions = {
        (row["project_id"], row["model_name"], row["start_date"]): (
            row["previous_p95_duration_seconds"],
            row["p95_duration_seconds"],
            row["change_percent"],
        )
        for row in rows
    }
    assert regressions == guide.model_regressions(api, FIRST_DAY, api.world.now.date())
    assert len(rows) == len(regressions)
    worst_first = [row["change_percent"] for row in rows]
    assert worst_first == sorted(worst_first, reverse=True)


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
