"""What the table of syncs answers, beside what Python makes of the same rows."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from report.info import info
from report.warehouse import in_duckdb
from stand_in.server import Reply
from tests.support.dbt_builds import builds
from tests.support.meltano import Meltano
from tests.support.warehouses import duckdb_at

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api
    from tests.support.warehouses import Warehouse

NOW = datetime(2026, 3, 4, 12, 0)  # noqa: DTZ001 - as the warehouse has it
GONE_AFTER = timedelta(days=3)
NEVER_READ = {("proj_3", "runs"), ("proj_4", "jobs")}
COLUMNS = {
    "projects": "id text, name text, _sdc_sync_started_at bigint",
    "runs": "id text, project_id text, updated_at timestamp",
    "syncs": "sync_id text, stream text, project_id text, began_at timestamp, ended_at timestamp, "
    "rows_read bigint, rows_sent bigint, requests bigint, seconds double precision, error text, "
    "bookmark text",
}
Row = dict[str, Any]


def written(value: object) -> str:
    if value is None:
        return "null"
    return str(value) if isinstance(value, int) else f"'{value}'"


def fill(warehouse: Warehouse, table: str, rows: list[Row]) -> None:
    warehouse.execute(f"create table dagctl.{table} ({COLUMNS[table]})")
    names = ", ".join(rows[0])
    values = ", ".join(f"({', '.join(map(written, row.values()))})" for row in rows)
    warehouse.execute(f"insert into dagctl.{table} ({names}) values {values}")  # noqa: S608 - made up


def made_up_syncs(dice: random.Random) -> list[Row]:
    """Return syncs by which some streams are read, fail, mend, and are read no more."""
    rows = []
    ends = {
        (f"proj_{number}", stream): dice.choice([None, None, 1, 4, 5])
        for number in range(40)
        for stream in ("runs", "jobs", "plans")
    }
    for hours in range(0, 240, 8):
        moment = NOW - timedelta(hours=hours, minutes=dice.randrange(60))
        sync_id = f"sync_{hours:03}"
        # The newest syncs cannot even list the projects.
        parts = [("", "projects", hours < 48)]
        for (project, stream), days in ends.items():
            if (days is None or hours > 24 * days) and dice.random() < 0.9:
                fails = (project, stream) in {
                    ("proj_3", "runs"),
                    ("proj_4", "jobs"),
                } or dice.random() < 0.3
                parts.append((project, stream, fails))
        for project, stream, fails in parts:
            rows.append(
                {
                    "sync_id": sync_id,
                    "stream": stream,
                    "project_id": project,
                    "began_at": moment,
                    "ended_at": moment + timedelta(seconds=dice.randrange(1, 99)),
                    "error": f"the server answered {hours}" if fails else None,
                }
            )
            moment += timedelta(seconds=1)
    dice.shuffle(rows)
    return rows


def expected(rows: list[Row], gone: set[str]) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Return the unread streams, and when each project was read."""
    listings = [row for row in rows if row["stream"] == "projects" and not row["error"]]
    newest_listing = max((row["began_at"] for row in listings), default=datetime.min)  # noqa: DTZ901
    by_part = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["began_at"]):
        by_part[row["project_id"], row["stream"]].append(row)
    unread: dict[Any, Any] = {}
    reads: defaultdict[str, list[Any]] = defaultdict(list)
    for (project, stream), tries in by_part.items():
        if newest_listing - tries[-1]["began_at"] > GONE_AFTER or project in gone:
            continue
        good = [at for at, row in enumerate(tries) if not row["error"]]
        last_read_at = tries[good[-1]]["ended_at"] if good else None
        reads[project].append(last_read_at)
        if tries[-1]["error"]:
            first_failed = tries[good[-1] + 1 if good else 0]
            unread[project, stream] = (
                tries[-1]["error"],
                first_failed["began_at"],
                last_read_at,
            )
    return unread, {key: None if None in its else min(its) for key, its in reads.items()}


def test_what_is_unread_and_how_old_a_project_is(warehouse: Warehouse, tmp_path: Path) -> None:
    dice = random.Random(7)
    started = 1_772_625_600_000  # NOW
    projects: list[Row] = [
        {
            "id": f"proj_{number}",
            "name": f"name {number}",
            "_sdc_sync_started_at": started - (number % 10 == 0) * 5 * 86_400_000,
        }
        for number in range(42)
    ]
    gone = {row["id"] for row in projects if row["_sdc_sync_started_at"] < started}
    runs: list[Row] = [
        {
            "id": f"run_{number}",
            "project_id": f"proj_{number % 30}",
            "updated_at": NOW - timedelta(minutes=dice.randrange(9_999)),
        }
        for number in range(90)
    ]
    changes: dict[str, Any] = {}
    for row in sorted(runs, key=lambda row: row["updated_at"]):
        changes[row["project_id"]] = row["updated_at"]
    warehouse.execute("create schema dagctl")
    fill(warehouse, "projects", projects)
    fill(warehouse, "runs", runs)
    with builds(warehouse, tmp_path, "+unread_streams", "+project_freshness") as build:
        build(NOW)
        assert warehouse.query("select * from dagctl_answers.unread_streams") == []
        assert_fresh(warehouse, projects, gone, {}, set(), changes)

        syncs = made_up_syncs(dice)
        fill(warehouse, "syncs", syncs)
        build(NOW)
        unread, reads = expected(syncs, gone)
        assert 10 < len(unread) < 100
        assert any(last is None for *_, last in unread.values())
        rows = warehouse.query("select * from dagctl_answers.unread_streams")
        assert {
            (row["project_id"], row["stream"]): (
                row["error"],
                row["failing_since"],
                row["last_read_at"],
            )
            for row in rows
        } == unread
        assert len(rows) == len(unread)
        names = {row["id"]: row["name"] for row in projects} | {"": "the organization"}
        assert all(row["project_name"] == names[row["project_id"]] for row in rows)
        assert_fresh(warehouse, projects, gone, reads, {key for key, _ in unread}, changes)


def test_a_refused_project_through_the_whole_chain(api: Api, tmp_path: Path) -> None:
    warehouse = duckdb_at(tmp_path / "warehouse.duckdb")
    meltano = Meltano.of(api, tmp_path)
    meltano.environment |= warehouse.environment | {"TAP_DAGCTL_REFUSED_PROJECTS": "warn"}
    api.world.put("runs", "proj_a", {"id": "run", "job_name": "nightly"})
    meltano.run("tap-dagctl", "target-duckdb")
    requests = Counter(request.path for request in api.requests)
    api.misbehave = lambda request: Reply(403, b"{}") if "proj_a/" in request.path else None
    meltano.run("tap-dagctl-runs", "target-duckdb", "dbt-duckdb:now")

    rows = warehouse.query("select * from dagctl.syncs order by began_at")
    first = [row for row in rows if row["sync_id"] == rows[0]["sync_id"]]
    assert sum(row["requests"] for row in first) == sum(requests.values())
    assert all(row["error"] is None for row in first)
    failed = {row["stream"]: row for row in rows if row["error"]}
    assert failed.keys() == {"runs", "model_executions"}
    read = {row["stream"]: row for row in first if row["project_id"] == "proj_a"}
    unread = warehouse.query("select * from dagctl_answers.unread_streams order by stream")
    assert unread == [
        {
            "project_id": "proj_a",
            "project_name": "sales",
            "stream": stream,
            "error": "the server answered 403",
            "failing_since": failed[stream]["began_at"],
            "last_read_at": read[stream]["ended_at"],
        }
        for stream in ("model_executions", "runs")
    ]
    fresh = warehouse.query("select * from dagctl_answers.project_freshness order by project_id")
    assert [row["is_failing"] for row in fresh] == [True, False]
    assert fresh[0]["read_at"] == min(row["ended_at"] for row in read.values())

    answers = in_duckdb(tmp_path / "warehouse.duckdb", "dagctl_answers")
    last, _, _, failing, _ = info(answers, NOW)
    asked = len(api.requests) - sum(requests.values())
    # The projects are listed again: one that is no longer there was deleted, not refused.
    assert last.endswith(f"2 projects, {asked} requests, 4 rows read, 2 sent; 2 not read")
    assert failing.startswith("sales ")
    assert "model_executions: the server answered 403 since" in failing


def assert_fresh(
    warehouse: Warehouse,
    projects: list[Row],
    gone: set[str],
    reads: dict[str, Any],
    failing: set[str],
    changes: dict[str, Any],
) -> None:
    rows = warehouse.query("select * from dagctl_answers.project_freshness")
    assert {
        row["project_id"]: (
            row["project_name"],
            row["read_at"],
            row["newest_change_at"],
            row["is_failing"],
        )
        for row in rows
    } == {
        row["id"]: (
            row["name"],
            reads.get(row["id"]),
            changes.get(row["id"]),
            row["id"] in failing,
        )
        for row in projects
        if row["id"] not in gone
    }
    assert len(rows) == len(projects) - len(gone)
