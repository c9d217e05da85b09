"""The answers, through the real chain: API, Meltano, loader, dbt; in DuckDB and in PostgreSQL."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING

from report.notify.findings import KINDS
from report.wrong import what_is_wrong
from stand_in.history import SLOW_PROJECT, SLOWER_MODEL, SLOWER_PROJECT, History
from stand_in.server import serving
from stand_in.world import World
from tests.support.answers import assert_answers, assert_the_guides_answers, build
from tests.support.awkward import add_awkward_projects, move_on
from tests.support.base_time import FIRST_DAY, NOW
from tests.support.meltano import Meltano
from tests.support.notes import notify
from tests.support.pages import Page, answers, report

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
    assert_the_report_says_what_cannot_be_read(warehouse, tmp_path / "report.html")


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


def page_of(warehouse: Warehouse, path: Path) -> Page:
    kind = warehouse.loader.removeprefix("target-")
    done = report(path, "--warehouse", kind, **warehouse.environment)
    assert done.returncode == 0, done.stderr
    return Page(path.read_text())


def assert_the_report_says_it(warehouse: Warehouse, path: Path) -> None:
    found = page_of(warehouse, path)
    assert_it_counts_what_a_first_message_tells(warehouse, path)
    breaches, regressions = found.table("breaches"), found.table("regressions")
    ((expected,),) = (
        row.values() for row in warehouse.query("select count(*) from dagctl_answers.sla_breaches")
    )
    assert len(breaches) - 1 == expected
    assert any(row[:2] == ["1 Mar 2026", SLOW_PROJECT] for row in breaches)
    assert any(row[:2] == [SLOWER_MODEL, SLOWER_PROJECT] for row in regressions)
    assert any(
        row[0] == SLOW_PROJECT and row[1].startswith("1 of ") for row in found.table("months")
    )
    # Each project has its two charts, and the numbers behind them; two more are of all projects.
    projects = 3 + len(SEEDS)
    assert sum(tag == "svg" for tag, _ in found.elements) == 2 * projects + 2
    assert sum(table[0][0] == "Day" and table[0][-1] == "p95" for table in found.tables) == projects


def assert_it_counts_what_a_first_message_tells(warehouse: Warehouse, path: Path) -> None:
    said = notify(warehouse, "--dry-run").stdout
    (told,) = re.findall(r"^dagctl: (\d+) new", said, re.MULTILINE)
    anchors = {table.held_in: table.anchor for table in what_is_wrong(answers())}
    tiles = dict(re.findall(r'href="#([\w-]+)"><b>([\d,]+)', path.read_text()))
    shown = {table: int(tiles[anchor]) for table, anchor in anchors.items()}
    assert sum(shown.get(kind.table, 0) for kind in KINDS.values()) == int(told) > 0
    assert f"<h1>{sum(shown.values())} things need you</h1>" in path.read_text()


def assert_the_report_says_what_cannot_be_read(warehouse: Warehouse, path: Path) -> None:
    before = page_of(warehouse, path)
    as_of = "(select as_of from dagctl_answers.settings_used)"
    for table, query in (
        (
            "project_freshness",
            f"""select project_id, project_name, {as_of} - interval '5' minute as read_at,
                {as_of} as newest_change_at, project_name = '{SLOW_PROJECT}' as is_failing
                from dagctl_answers.known_projects where not is_gone""",  # noqa: S608 - from here
        ),
        (
            "unread_streams",
            f"""select project_id, project_name, 'runs' as stream, 'the server answered 403'
                as error, {as_of} as failing_since, cast(null as timestamp) as last_read_at
                from dagctl_answers.known_projects where project_name = '{SLOW_PROJECT}'""",  # noqa: S608 - from here
        ),
    ):
        warehouse.execute(f"drop table if exists dagctl_answers.{table}")
        warehouse.execute(f"create table dagctl_answers.{table} as {query}")
    found = page_of(warehouse, path)

    _, *unread = found.table("unread")
    assert [[*row[:2], *row[3:]] for row in unread] == [
        [SLOW_PROJECT, "runs", "never", "the server answered 403"]
    ]
    fresh = found.table("fresh")
    assert fresh[1][0] == SLOW_PROJECT
    assert {row[2] for row in fresh[1:]} == {"5 min 0 s"}
    assert [row[-1] for row in fresh].count("did not read all of it") == 1
    needs, needed = (
        next(int(it.split()[0]) for tag, it in page.texts if tag == "h1")
        for page in (found, before)
    )
    assert needs == needed + 1
