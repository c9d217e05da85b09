"""The page: what it says is what the warehouse answers, and it needs nothing beside it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from report.formatting import duration
from report.links import run_url
from report.page import page
from report.warehouse import WarehouseError, duckdb_file
from tests.support import troubleshooting
from tests.support.large_account import account
from tests.support.pages import AS_OF, HOSTILE, Page, answers, called
from tests.support.reports import Done, report
from tests.support.warehouses import duckdb_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def test_it_needs_nothing_beside_it() -> None:
    text = page(answers(), "warehouse.duckdb")
    found = Page(text)

    assert not {tag for tag, _ in found.elements} & {"script", "link", "img", "iframe", "object"}
    for _, attributes in found.elements:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("href", "src", "xlink:href", "action"):
            assert (attributes.get(name) or "#").startswith("#")
    assert not re.findall(r"https?://|@import|url\((?!#)", text)


def test_an_account_without_a_run_or_a_project() -> None:
    for project_list in ([], answers().projects):
        text = page(answers(projects=project_list, runs=0), "warehouse.duckdb")
        assert "No run has been loaded" in text
        found = Page(text)
        assert [table[0][0] for table in found.tables] == ["Day"] * len(project_list)


def test_projects_without_a_chart_are_named() -> None:
    gone = {"project_id": "proj_gone", "project_name": HOSTILE, "last_synced_at": AS_OF}
    found = Page(
        page(
            answers(gone_projects=[gone], quiet_projects=[called("idle"), called(HOSTILE)]),
            "warehouse.duckdb",
        )
    )

    assert found.tables[-1][1] == [HOSTILE, "proj_gone", "4 Mar 2026, 12:01"]
    said = "".join(text for _, text in found.texts)
    assert f"No run in the last 30 days: idle, {HOSTILE}." in said


RUN_URL = "https://dagctl.example/{project_id}/runs/{run_id}?tab=log"


def test_a_run_leads_to_dagctl_if_a_setting_says_how() -> None:
    rows = account(3, 6).broken_jobs
    rows[0] |= {"run_id": 'a/b "c"&', "project_id": "{run_id}"}
    found = answers(broken_jobs=rows, breaches=rows, overdue_runs=rows, held_back_models=rows)
    shown = Page(page(found, "warehouse.duckdb", RUN_URL))

    leading = [where for where, _ in shown.links if where.startswith("https")]
    first = "https://dagctl.example/%7Brun_id%7D/runs/a%2Fb%20%22c%22%26?tab=log"
    assert shown.table("breaches")[1][6] == 'warehouse of team job 0, 4 Mar 2026, 12:01, a/b "c"&'
    others = [
        f"https://dagctl.example/{row['project_id']}/runs/{row['run_id']}?tab=log"
        for row in rows[1:]
    ]
    assert leading == [first, *others] * 4
    rows[0] |= {"start_time": None}
    shown = Page(page(answers(breaches=rows), "warehouse.duckdb"))
    assert shown.table("breaches")[1][6] == 'warehouse of team job 0, a/b "c"&'
    assert "https" not in page(found, "warehouse.duckdb")


@pytest.mark.parametrize(
    "url",
    [
        "dagctl.example/{run_id}",
        "javascript://x/{run_id}",
        "https://{run_id}",
        "https://dagctl.example/runs",
        "https://dagctl.example/{run}/{run_id}",
        "https://dagctl.example/{run_id.__class__}",
        "https://dagctl.example/{run_id",
        "https://dagctl.example/{run_id:zz}",
        "https://[dagctl/{run_id}",
    ],
)
def test_no_address_of_a_run(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGCTL_RUN_URL", url)
    with pytest.raises(WarehouseError) as raised:
        run_url()
    troubleshooting.check([f"report: {raised.value}"])
    monkeypatch.setenv("DAGCTL_RUN_URL", RUN_URL)
    assert run_url() == RUN_URL


def test_what_is_not_known_says_why() -> None:
    known = ("project_id", "project_name", "kept_again_on", "held_back_in_a_row")
    needed = (*known, "date", "week", "start_date", "end_date", "newest_date", "success_rate")
    row = {
        key: value if key in needed else None
        for key, value in {**account(3, 1).jobs[0], "read_at": 0, "newest_change_at": 0}.items()
    }
    lists = ("unread", "broken_jobs", "overdue_runs", "breaches", "regressions", "slowest", "jobs")
    others = ("lost", "faults", "held_back_models", "freshness", "gone_projects", "sla_months")
    row |= {"is_failing": False, "days_over": 0, "measured_days": 0, "last_synced_at": None}
    row["month"] = AS_OF.date().replace(day=1)
    found = {name: [row] for name in (*lists, *others)}
    shown = Page(page(answers(**found), "warehouse.duckdb"))

    assert len(shown.tables) == len(found) + 1
    cells = [cell for table in shown.tables for row in table for cell in row]
    assert [cell for cell in cells if cell in {"-", "", "None"}] == []
    assert {"none was given", "not known", "none succeeded", "not measured"} <= set(cells)


def test_the_quarter_of_each_project_worst_first() -> None:
    def row(project: str, month: int, over: int) -> dict[str, Any]:
        day = AS_OF.date().replace(month=month, day=1)
        named = {"project_id": project, "project_name": project, "sla_seconds": 600.0}
        return {**named, "month": day, "days_over": over, "measured_days": 20}

    found = answers(sla_months=[row("good", 3, 0), row("bad", 1, 9), row("worse", 3, 2)])
    shown = Page(page(found, "warehouse.duckdb"))
    (table,) = (it for it in shown.tables if it[0][:2] == ["Project", "Mar 2026"])
    assert table == [
        ["Project", "Mar 2026", "Feb 2026", "Jan 2026", "SLA"],
        ["worse", "2 of 20 days", "not measured", "not measured", "10 min 0 s"],
        ["bad", "not measured", "not measured", "9 of 20 days", "10 min 0 s"],
        ["good", "0 of 20 days", "not measured", "not measured", "10 min 0 s"],
    ]
    over = [text for tag, text in shown.texts if tag == "em"]
    assert over == ["2 of 20 days", "9 of 20 days"]


def test_a_job_over_the_sla_is_marked() -> None:
    rows = [
        {**row, "p95_duration_seconds": 1_799.0 + n} for n, row in enumerate(account(3, 3).jobs)
    ]
    shown = Page(page(answers(jobs=rows), "warehouse.duckdb"))
    (table,) = (it for it in shown.tables if it[0][:3] == ["Job", "Project", "Succeeded"])
    assert [row[6] for row in table[1:]] == [
        "29 min 59 s",
        "30 min 0 s",
        "30 min 1 s (over the SLA)",
    ]


def test_an_account_in_which_nothing_is_gone_or_idle() -> None:
    text = page(answers(), "warehouse.duckdb")

    assert "None that is known of." in text
    assert "No run in the last" not in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "-"),
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (3_599.6, "1 h 0 min"),
        (3_725, "1 h 2 min"),
        (48 * 3_600, "2 d 0 h"),
        (math.inf, "inf (fault)"),
        (math.nan, "nan (fault)"),
    ],
)
def test_how_long_something_took(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        (None, "look at a made-up one"),
        ((), "dbt-duckdb:build"),
        (
            ("settings_used as select 7 as sla_days", "stg_dagctl__runs as select 'run' as id"),
            "without 'as_of': build them again",
        ),
        (
            (
                "settings_used as select timestamp '2026-03-04' as as_of",
                "stg_dagctl__runs as select 'run' as id limit 0",
                "stg_dagctl__daily_stats as select date '2026-03-04' as date limit 0",
                "run_days as select date '2026-03-04' as date limit 0",
                "project_slas as select 'proj_a' as project_id limit 0",
                "known_projects as select 'proj_a' as project_id limit 0",
            ),
            "built by another version: build them again",
        ),
    ],
    ids=["no file", "no answers", "no setting", "no column"],
)
def test_answers_that_cannot_be_read(
    tables: Sequence[str] | None, said: str, tmp_path: Path
) -> None:
    warehouse = duckdb_at(tmp_path / "warehouse.duckdb")
    if tables is not None:
        warehouse.execute("create schema dagctl_answers")
        for table in tables:
            warehouse.execute(f"create table dagctl_answers.{table}")
    assert_one_line(report(warehouse, tmp_path / "report.html"), said)


@pytest.mark.parametrize("schema", ["elsewhere", 'a "b"', "x; y"])
def test_answers_in_another_schema(tmp_path: Path, schema: str) -> None:
    warehouse = duckdb_at(tmp_path / "warehouse.duckdb")
    warehouse.execute("create schema dagctl_answers")
    ignored = {"DAGCTL_ANSWERS_SCHEMA": "ignored"}
    done = report(warehouse, tmp_path / "report.html", "--schema", schema, **ignored)
    assert_one_line(done, f"not built yet in the schema {schema}:")


def test_a_file_that_is_no_warehouse(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    file.write_text("not a database, and long enough to be read as one" * 1_000)
    assert_one_line(report(duckdb_at(file), tmp_path / "report.html"), "cannot be read")


def test_a_postgres_that_does_not_answer(tmp_path: Path) -> None:
    where = {"TARGET_POSTGRES_HOST": str(tmp_path), "TARGET_POSTGRES_DATABASE": "none"}
    nobody = replace(duckdb_at(tmp_path), loader="target-postgres", environment=where)
    assert_one_line(report(nobody, tmp_path / "report.html"), "check TARGET_POSTGRES_HOST")


def assert_one_line(done: Done, said: str) -> None:
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_it_is_the_file_that_was_named_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, demo = tmp_path / "warehouse.duckdb", tmp_path / "demo.duckdb"
    monkeypatch.delenv("TARGET_DUCKDB_FILEPATH", raising=False)
    monkeypatch.setattr("report.warehouse.LOADED", loaded)
    monkeypatch.setattr("report.warehouse.DEMO", demo)
    with pytest.raises(WarehouseError, match="with `make demo`"):
        duckdb_file()
    demo.touch()
    with pytest.raises(WarehouseError, match=f"FILEPATH={demo} make report"):
        duckdb_file()
    loaded.touch()
    assert duckdb_file() == loaded

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TARGET_DUCKDB_FILEPATH", "~/demo.duckdb")
    assert duckdb_file() == demo
