"""`make info`: what it prints of answers that are there, and of those that are not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from report.info import info
from report.warehouse import WarehouseError, in_duckdb
from tests.support import reports
from tests.support.warehouses import duckdb_at

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.warehouses import Warehouse

NOW = datetime(2026, 3, 4, 12, 0)  # noqa: DTZ001 - as the warehouse has it
TABLES = """
create schema dagctl_answers;
create table dagctl_answers.stg_dagctl__syncs (
    sync_id text, stream text, project_id text, began_at timestamp, ended_at timestamp,
    rows_read bigint, rows_sent bigint, requests bigint, error text, bookmark text
);
create table dagctl_answers.unread_streams (
    project_id text, project_name text, stream text, error text,
    failing_since timestamp, last_read_at timestamp
);
create table dagctl_answers.project_freshness (
    project_id text, project_name text, read_at timestamp, newest_change_at timestamp,
    is_failing boolean
);
"""


def fill(warehouse: Warehouse, projects: int, *, with_syncs: bool = True) -> None:
    """Make answers in which the second project fails, and each is older than the one before."""
    warehouse.execute(TABLES)
    freshness, syncs = [], []
    for number in range(projects):
        key, fails = f"proj_{number}", number == 1
        read = NOW - timedelta(minutes=number + 1) if with_syncs else None
        shown = f"'{read}'" if read else "null"
        error = "'the server answered 403'" if fails else "null"
        freshness.append(f"('{key}', 'name {number}', {shown}, '2026-03-01 08:00', {fails})")
        bookmarks = {"jobs": "2026-03-04", "runs": f"2026-03-04T0{number % 10}:00Z"}
        syncs += [
            f"('s', '{stream}', '{key}', '{read}', '{read}', 7, {number}, 2, {error}, '{bookmark}')"
            for stream, bookmark in bookmarks.items()
        ]
    answers = "insert into dagctl_answers"
    warehouse.execute(f"{answers}.project_freshness values {', '.join(freshness)}")
    if with_syncs:
        warehouse.execute(f"{answers}.stg_dagctl__syncs values {', '.join(syncs)}")
        unread = "'proj_1', 'name 1', '{}', 'the server answered 403', '2026-03-02 10:30', null"
        for stream in ("jobs", "runs"):
            warehouse.execute(f"{answers}.unread_streams values ({unread.format(stream)})")


def test_how_everything_stands(warehouse: Warehouse) -> None:
    fill(warehouse, 3)
    done = reports.info(warehouse)
    assert done.returncode == 0, done.stderr
    _, last, empty, head, *projects = done.stdout.splitlines()
    assert last.startswith("Last sync: 4 Mar 2026, 11:57 UTC (")
    assert last.endswith("2 min 0 s, 3 projects, 12 requests, 42 rows read, 6 sent; 2 not read")
    assert empty == ""
    assert head.split("  ")[0] == "project"
    assert [line.split("  ")[0] for line in projects] == ["name 1", "name 2", "name 0"]
    assert "1 Mar 2026, 08:00" in projects[0]
    assert "  2026-03-04T01:00Z  " in projects[0]
    assert projects[0].endswith("  jobs: the server answered 403 since 2 Mar 2026, 10:30; 1 more")


def test_a_thousand_projects_are_short(tmp_path: Path) -> None:
    fill(duckdb_at(file := tmp_path / "warehouse.duckdb"), 1_000)
    rows = in_duckdb(file, "dagctl_answers")
    lines = list(info(rows, NOW))
    assert len(lines) == 24
    assert [line.split("  ")[0] for line in lines[3:5]] == ["name 1", "name 999"]
    assert "16 h 40 min ago" in lines[4]
    assert lines[-1].startswith("and 980 more, which can be read and are less old")

    title, head, jobs, runs = list(info(rows, NOW, ["name 1"]))[2:]
    assert (title, head.split()[0]) == ("name 1 (proj_1)", "stream")
    assert jobs.split("  ")[0] == "jobs"
    assert "2026-03-04T01:00Z" in runs
    assert runs.endswith("the server answered 403 since 2 Mar 2026, 10:30")
    with pytest.raises(WarehouseError, match="there is no project nix in the answers"):
        list(info(rows, NOW, ["nix", "proj_3"]))


def test_what_is_not_there_is_a_line(warehouse: Warehouse) -> None:
    nothing = reports.info(warehouse)
    assert nothing.returncode == 1
    assert nothing.stderr.startswith("info: ")
    assert len(nothing.stderr.splitlines()) == 1

    fill(warehouse, 2, with_syncs=False)
    done = reports.info(warehouse)
    assert done.returncode == 0, done.stderr
    _, last, _, _, first, _ = done.stdout.splitlines()
    assert last.startswith("No sync is known: select the stream syncs")
    assert first.split() == ["name", "1", "-", "1", "Mar", "2026,", "08:00", "-", "-"]
    unknown = reports.info(warehouse, "nix")
    assert unknown.stderr == "info: there is no project nix in the answers\n"
