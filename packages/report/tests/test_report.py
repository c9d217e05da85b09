"""The page: what its tables say and mark, and that it needs nothing beside it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from report.formatting import duration
from report.links import run_url
from report.rows import breakable
from report.usual import what_is_usual
from report.warehouse import WarehouseError, duckdb_file
from report.wrong import what_is_wrong
from tests.support import troubleshooting
from tests.support.pages import AS_OF, LISTS, TODAY, account, answers, page_of, style
from tests.support.reports import run
from tests.support.warehouses import duckdb_at

RUN_URL = "https://dagctl.example/{project_id}/runs/{run_id}?tab=log"


def test_it_needs_nothing_beside_it() -> None:
    found = page_of(answers())

    assert not {tag for tag, _ in found.elements} & {"script", "link", "img", "iframe", "object"}
    for _, attributes in found.elements:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("href", "src", "xlink:href", "action"):
            assert (attributes.get(name) or "#").startswith("#")
    assert not re.findall(r"https?://|@import|url\((?!#)", found.text)


def test_all_text_can_be_read_in_light_and_in_dark() -> None:
    css, inks = style(), set[str]()
    for block in re.findall(r":root \{([^}]*)\}", css):
        shades = dict(re.findall(r"--([\w-]+): (#\w+);", block))
        inks = set(re.findall(r"[ {](?:color|fill): var\(--([\w-]+)\)", css))
        for paper, ink in product(("page", "card"), inks):
            pair = sorted(map(luminance, (shades[paper], shades[ink])))
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (paper, ink)
        css = css.replace(block, "")
    assert inks >= {"ink", "ink-soft", "bad", "late"}
    assert not re.search("#[0-9a-f]{3}", css)


def luminance(shade: str) -> float:
    """Return how bright a colour is, as WCAG reckons it."""
    parts = [int(shade[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    parts = [it / 12.92 if it <= 0.04045 else ((it + 0.055) / 1.055) ** 2.4 for it in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_an_account_without_a_run_or_a_project() -> None:
    found = answers(projects=[], runs=0)
    shown = page_of(found)
    assert "No run has been loaded" in shown.text
    assert shown.tables == []
    tables = (*what_is_wrong(found), *what_is_usual(found))
    assert {table.empty for table in tables} <= {*shown.said("p")}


def test_the_quarter_of_each_project_worst_first() -> None:
    def row(project: str, month: int, over: int) -> dict[str, Any]:
        named = {"project_id": project, "project_name": project, "sla_seconds": 600.0}
        days = {"month": TODAY.replace(month=month, day=1), "days_over": over, "measured_days": 20}
        return named | days

    months = [row("good", 3, 0), row("bad", 1, 9), row("worse", 3, 2)]
    shown = page_of(answers(sla_months=months))
    none, sla = "not measured", "10 min 0 s"
    assert shown.table("months") == [
        ["Project", "Mar 2026", "Feb 2026", "Jan 2026", "SLA"],
        ["worse", "2 of 20 days", none, none, sla],
        ["bad", none, none, "9 of 20 days", sla],
        ["good", "0 of 20 days", none, none, sla],
    ]
    assert shown.said("em") == ["2 of 20 days", "9 of 20 days"]


def test_a_job_over_the_sla_is_marked() -> None:
    rows = [{**row, "p95_duration_seconds": 900.0 + n} for n, row in enumerate(account(3, 2).jobs)]
    shown = page_of(answers(jobs=rows))
    assert [row[6] for row in shown.table("jobs")[1:]] == [
        "15 min 0 s",
        "15 min 1 s (over the SLA)",
    ]
    assert shown.said("em") == ["15 min 1 s (over the SLA)"]


def test_a_window_that_goes_on_says_so() -> None:
    windows = [row[5] for row in page_of(account(2, 2)).table("regressions")[1:]]
    assert windows == ["4 Mar 2026 to 4 Mar 2026, still open", "4 Mar 2026 to 4 Mar 2026"]


def test_a_negative_duration_is_marked_wherever_it_is_shown() -> None:
    made_up = account(3, 6)
    lists: dict[str, Any] = {
        name: [
            {key: -75.0 if key.endswith("_seconds") else it for key, it in row.items()}
            for row in getattr(made_up, name)
        ]
        for name in LISTS
    }
    shown = page_of(replace(made_up, **lists))
    cells = [cell for table in shown.tables for row in table for cell in row]
    marked = [text for text in shown.said("b") if text.endswith("(fault)")]
    assert marked == [cell for cell in cells if cell.endswith("(fault)")]
    assert marked.count("-1 min 15 s (fault)") > 50


def test_long_names_are_broken_between_their_parts() -> None:
    name = "analytics_warehouse.team__<b> short.name"
    assert breakable(name) == ("analytics_<wbr>warehouse.<wbr>team__<wbr>&lt;b&gt; short.name")


def test_a_run_leads_to_dagctl_if_a_setting_says_how() -> None:
    rows = account(3, 6).broken_jobs
    rows[0] |= {"run_id": 'a/b "c"&', "project_id": "{run_id}"}
    found = answers(broken_jobs=rows, breaches=rows, overdue_runs=rows, held_back_models=rows)
    shown = page_of(found, RUN_URL)

    leading = [where for where, _ in shown.links if where.startswith("https")]
    first = "https://dagctl.example/%7Brun_id%7D/runs/a%2Fb%20%22c%22%26?tab=log"
    assert shown.table("breaches")[1][6] == 'warehouse of team job 0, 4 Mar 2026, 12:01, a/b "c"&'
    others = [RUN_URL.format(**row) for row in rows[1:]]
    assert leading == [first, *others] * 4
    assert "https" not in page_of(found).text
    rows[0] |= {"start_time": None}
    shown = page_of(answers(breaches=rows))
    assert shown.table("breaches")[1][6] == 'warehouse of team job 0, a/b "c"&'


@pytest.mark.parametrize(
    "url",
    [
        "javascript://x/{run_id}",
        "https://{run_id}",
        "https://dagctl.example/runs",
        "https://dagctl.example/{run}/{run_id}",
        "https://dagctl.example/{run_id:zz}",
        "https://dagctl.example/{run_id.__class__}",
        "https://dagctl.example/{run_id",
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
    known = {"project_id", "project_name", "kept_again_on", "held_back_in_a_row", "success_rate"}
    known |= {"date", "week", "start_date", "end_date", "newest_date"}
    row = {name: value if name in known else None for name, value in account(3, 1).jobs[0].items()}
    row |= {"read_at": None, "newest_change_at": None, "is_failing": False, "last_synced_at": None}
    row |= {"days_over": 0, "measured_days": 0, "month": AS_OF.date().replace(day=1)}
    row |= {"running_seconds": -75}
    shown = page_of(answers(**{name: [row] for name in LISTS}), RUN_URL)

    # There is no run to lead to.
    assert "https" not in shown.text
    cells = [cell for table in shown.tables for row in table for cell in row]
    assert [cell for cell in cells if cell in {"-", "", "None"}] == []
    assert {"none was given", "not known", "none succeeded", "not measured"} <= set(cells)
    assert "-1 min 15 s (fault)" in shown.said("b")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (3_725, "1 h 2 min"),
        (48 * 3_600, "2 d 0 h"),
        (math.inf, "inf (fault)"),
        (-75, "-1 min 15 s (fault)"),
        (math.nan, "nan (fault)"),
    ],
)
def test_how_long_something_took(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


WITHOUT_A_COLUMN = """
    create schema dagctl_answers; use dagctl_answers;
    create table settings_used as select timestamp '2026-03-04' as as_of;
    create table stg_dagctl__runs (id text);
    create table stg_dagctl__daily_stats (date date);
    create table run_days (date date);
    create table project_slas (project_id text);
    create table known_projects (project_id text);
"""


@pytest.mark.parametrize(
    ("statements", "schema", "said"),
    [
        ("", "dagctl_answers", "look at a made-up one"),
        ("create schema dagctl_answers", 'a "b"', 'not built yet in the schema a "b":'),
        (
            WITHOUT_A_COLUMN.replace("as_of", "sla_days"),
            "dagctl_answers",
            "without 'as_of': build them again",
        ),
        (WITHOUT_A_COLUMN, "dagctl_answers", "built by another version: build them again"),
        ("not a database", "dagctl_answers", "cannot be read"),
        ("a server", "dagctl_answers", "check TARGET_POSTGRES_HOST"),
    ],
)
def test_answers_that_cannot_be_read(
    statements: str, schema: str, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "warehouse.duckdb"
    warehouse = duckdb_at(file)
    if statements == "not a database":
        file.write_text("not a database, and long enough to be read as one" * 1_000)
    elif statements == "a server":
        where = {"TARGET_POSTGRES_HOST": str(tmp_path), "TARGET_POSTGRES_DATABASE": "none"}
        warehouse = replace(warehouse, kind="postgres", environment=where)
    elif statements:
        warehouse.execute(statements)
    # What the command line says goes before the environment.
    ignored = {"DAGCTL_ANSWERS_SCHEMA": "ignored"}
    output = str(tmp_path / "report.html")
    done = run(warehouse, "--output", output, "--schema", schema, code=1, **ignored)
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

    # Meltano may run another project than this one.
    own = tmp_path / "own" / tmp_path.name / loaded.name
    own.parent.mkdir(parents=True)
    own.touch()
    monkeypatch.setenv("MELTANO_PROJECT_ROOT", str(tmp_path / "own"))
    assert duckdb_file() == own

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TARGET_DUCKDB_FILEPATH", "~/demo.duckdb")
    assert duckdb_file() == demo
