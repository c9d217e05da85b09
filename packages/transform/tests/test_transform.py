"""The answers on a whole account, through API, tap, loader and dbt, in DuckDB and in PostgreSQL."""

from __future__ import annotations

import math
import re
from copy import deepcopy
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from report.formatting import duration, share
from report.notify.findings import KINDS
from report.wrong import what_is_wrong
from stand_in.history import PIPELINES, SLOW_PROJECT
from stand_in.server import Reply, serving
from stand_in.world import EXECUTIONS, JOBS, RUNS, Row, World, to_text
from tests.support.answers import answer, assert_answers
from tests.support.awkward import SeededHistory
from tests.support.dbt_server import Dbt
from tests.support.expected_answers import Loaded
from tests.support.pages import Page, answers
from tests.support.pipe import Pipe
from tests.support.reports import notify, page_of, run
from tests.support.warehouses import Warehouse

OVERRIDES = {"awkward 1": 2_400, "proj_awkward_02": 0}
REFUSED = PIPELINES[1].key
GONE = "proj_awkward_00"
LONG_AGO = timedelta(days=45)
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
    history = SeededHistory()
    world = history.world
    add_what_will_be_gone(world)
    add_projects_of_one_name(world)
    with serving(world) as api:
        settings = {"start_date": f"{FIRST_DAY}T00:00:00Z", "refused_projects": "warn"}
        pipe = Pipe(api, warehouse, tmp_path, settings)

        def build(command: str = "run", **variables: Any) -> None:
            overrides = {"dagctl_sla_seconds_by_project": OVERRIDES}
            dbt.build(warehouse, command, now=world.now, **overrides, **variables)

        pipe.load(model_stats_window_days=7)
        history.go_on()
        pipe.load(model_stats_window_days=7)
        build("build", dagctl_gone_after_days=0)
        for schema in (("dagctl", ""), ("dagctl_answers", "stg_dagctl__")):
            assert warehouse.differences(world, *schema, since=FIRST_DAY) == []
        assert_answers(warehouse, Loaded(world, slas=OVERRIDES, first_day=FIRST_DAY))
        broken = answer(warehouse, "broken_jobs")
        assert {("proj_jobs", "old name"), ("proj_jobs", "doomed")} < {row[:2] for row in broken}

        history.advance(timedelta(hours=3))
        loaded = Loaded(
            remove(world),
            windows=(7, 3),
            windows_of={GONE: (7,)},
            slas=OVERRIDES,
            first_day=FIRST_DAY,
        )
        api.misbehave = lambda it: Reply(403, b"") if f"{REFUSED}/plans" in it.path else None
        pipe.load(model_stats_window_days=3)
        api.misbehave = lambda _: None
        # It may have been another tap's turn: a single sync says nothing.
        build()
        assert_answers(warehouse, loaded)
        assert all(GONE in projects_of(warehouse, name) for name in NOW_TABLES)
        loaded = replace(loaded, gone={GONE})
        build(dagctl_gone_after_days=0)
        assert_answers(warehouse, loaded)
        assert not any(GONE in projects_of(warehouse, name) for name in NOW_TABLES)
        # Its past stays.
        assert GONE in projects_of(warehouse, "model_regressions")
        broken = answer(warehouse, "broken_jobs")
        still = {job for project, job, *_ in broken if project == "proj_jobs"}
        assert still == {"kept", "by hand", "platform"}
        assert_the_page_says_it(warehouse, tmp_path / "report.html")

        pipe.load(model_stats_window_days=30)
        # The syncs that brought the project are older now, by the loader's own columns.
        older = "_sdc_sync_started_at = _sdc_sync_started_at - 4 * 86400000"
        warehouse.execute(f"update dagctl.projects set {older} where id = '{GONE}'")  # noqa: S608 - from above
        build()
        assert_answers(warehouse, replace(loaded, windows=(7, 3, 30)))
        assert warehouse.query("select * from dagctl_answers.unread_streams") == []


def projects_of(warehouse: Warehouse, table: str) -> set[str]:
    rows = warehouse.query(f"select project_id from dagctl_answers.{table}")  # noqa: S608 - from above
    return {row["project_id"] for row in rows}


def assert_the_page_says_it(warehouse: Warehouse, path: Path) -> None:
    text = page_of(warehouse, path)
    found = Page(text)
    names = found.said("h3")
    known = {name for _, name, _, is_gone in answer(warehouse, "known_projects") if not is_gone}
    assert sorted([*names, "long ago"]) == sorted(known)
    assert any(row[:2] == ["1 Mar 2026", SLOW_PROJECT] for row in found.table("breaches"))
    current = [row for row in answer(warehouse, "model_regressions") if row[-1]]
    assert len(found.table("regressions")) - 1 == len(current) > 1

    # The worst is first.
    slas = dict(answer(warehouse, "project_slas"))
    breaches = sorted(
        answer(warehouse, "sla_breaches"),
        key=lambda row: (
            row[-1] is not None,
            -row[2] / slas[row[0]] if slas[row[0]] else -math.inf,
            -row[1].toordinal(),
        ),
    )
    assert third(found, "breaches") == [duration(row[2]) for row in breaches]
    slowest = sorted((row[-2] for row in answer(warehouse, "slowest_models")), reverse=True)
    assert third(found, "slowest") == [duration(it) for it in slowest[:10]]
    rates = sorted(row[4] for row in answer(warehouse, "job_weeks") if row[-1])
    assert third(found, "jobs") == [share(it) for it in rates]
    (fault,) = found.table("faults")[1:]
    assert fault[:4] == ["runs", "jobs", "1", "-1 min 15 s (fault)"]

    # What is gone, or long ago, is in no other table.
    gone = f"awkward 0 ({GONE})"
    assert [row[:2] for row in found.table("gone")[1:]] == [[gone, GONE]]
    assert "No run in the last 30 days: long ago." in "".join(text for _, text in found.texts)
    for table, name in zip(found.tables, found.classes, strict=True):
        for row in table[1:]:
            assert not {"yearly", "slowest of all"} & set(row)
            assert name == "gone" or gone not in row
            assert "doomed" not in row or table[0][2] == "Time lost"

    _, *unread = found.table("unread")
    refused = [SLOW_PROJECT, "plans", "the server answered 403"]
    assert [[*row[:2], row[-1]] for row in unread] == [refused]
    # It counts what a first message tells.
    said = notify(warehouse, "--dry-run").stdout
    (told,) = re.findall(r"^dagctl: ([\d,]+) new", said, re.MULTILINE)
    anchors = {table.held_in: table.anchor for table in what_is_wrong(answers(unread=[{}]))}
    tiles = dict(re.findall(r'href="#([\w-]+)"><b>([\d,]+)', text))
    shown = {table: int(tiles.get(anchor, 0)) for table, anchor in anchors.items()}
    assert sum(shown[kind.table] for kind in KINDS.values()) == int(told) > 1
    assert f"<h1>{sum(shown.values())} things need you</h1>" in text
    nowhere = str(path.parent / "none" / path.name)
    assert nowhere in run(warehouse, "--output", nowhere, code=1).stderr


def third(page: Page, table: str) -> list[str]:
    return [row[2] for row in page.table(table)[1:]]


def add_what_will_be_gone(world: World) -> None:
    """Add jobs and models in every state that once stood on top for ever."""
    world.add_project("proj_old", "long ago")
    world.add_project("proj_jobs", "jobs")
    for key, name in (("renamed", "old name"), ("doomed", "doomed"), ("kept", "kept")):
        world.put(JOBS, "proj_jobs", {"id": f"job_{key}", "name": name, "status": None})
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
    add_run(
        world,
        "proj_jobs",
        "by hand",
        world.now,
        "failed",
        duration_seconds=-75.0,
        cronjob_name=None,
    )
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
            add_run(world, project, "nightly", moment, "failed", duration_seconds=4_000.0)
            fields = {"status": "success", "start_time": to_text(moment)}
            row = {"model_name": "m", "duration_seconds": 300.0 - 10 * days_ago, **fields}
            world.put(EXECUTIONS, project, {"id": f"exec_{key}_{days_ago}", **row})


def remove(world: World) -> World:
    """Delete a project and a job and rename one; return all that was loaded up to then."""
    before = deepcopy(world.projects[GONE])
    world.delete_project(GONE)
    world.delete(JOBS, "proj_jobs", "job_doomed")
    world.change(JOBS, "proj_jobs", "job_renamed", name="new name")
    add_run(world, "proj_jobs", "new name", world.now, "success")
    return replace(world, projects={**world.projects, GONE: before})


def add_run(
    world: World, project: str, job: str, moment: datetime, status: str, **fields: Any
) -> None:
    key = f"run_{project}_{job}_{moment:%Y%m%d%H}"
    run: Row = {"id": key, "job_name": job, "job_type": "run", "cronjob_name": f"{project}-{job}"}
    run |= {"status": status, "start_time": to_text(moment)}
    if status != "running":
        run |= {"duration_seconds": 60.0, "end_time": to_text(moment + timedelta(minutes=1))}
    world.put(RUNS, project, run | fields)
