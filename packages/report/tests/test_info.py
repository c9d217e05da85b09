"""`make info`: what it prints of answers that are there, and of those that are not."""

from __future__ import annotations

from pathlib import Path

from tests.support.reports import run
from tests.support.warehouses import Warehouse, duckdb_at

TABLES = """
    create schema dagctl_answers;
    create table dagctl_answers.made_up as
        select number, 'proj_' || number as project_id,
            'name ' || number || case number when 2 then chr(27) || '[0m' else '' end
                as project_name,
            timestamp '2026-03-04 12:00' - (number + 1) * interval '1 minute' as moment
        from generate_series(0, {last}) as projects(number);
    create table dagctl_answers.stg_dagctl__syncs as
        select 's' as sync_id, stream, project_id, moment as began_at, moment as ended_at,
            7 as rows_read, number as rows_sent, 2 as requests,
            case number when 1 then chr(27) || '[31mthe server answered 403' end as error,
            '2026-03-04' || case stream when 'runs' then 'T0' || number % 10 || ':00Z' else '' end
                as bookmark
        from dagctl_answers.made_up, (values ('jobs'), ('runs')) as streams(stream)
        where {with_syncs};
    create table dagctl_answers.project_freshness as
        select project_id, project_name, case when {with_syncs} then moment end as read_at,
            timestamp '2026-03-01 08:00' as newest_change_at, number = 1 as is_failing
        from dagctl_answers.made_up;
    create table dagctl_answers.unread_streams as
        select project_id, 'name 1' as project_name, stream, error,
            timestamp '2026-03-02 10:30' as failing_since, cast(null as timestamp) as last_read_at
        from dagctl_answers.stg_dagctl__syncs where error is not null
"""
"""The second project fails, and each is older than the one before. Some texts have a colour."""
ALSO = """
    insert into dagctl_answers.stg_dagctl__syncs (sync_id, stream, project_id, began_at, ended_at)
        values ('s', 'members', '', timestamp '2026-03-04 11:00', timestamp '2026-03-04 11:00');
    insert into dagctl_answers.unread_streams
        values ('', null, 'members', 'refused', timestamp '2026-03-02 10:30', null)
"""
"""A stream that belongs to no project."""


def test_how_everything_stands(warehouse: Warehouse) -> None:
    warehouse.execute(TABLES.format(last=2, with_syncs=True))
    _, last, _, _, *projects = run(warehouse, "info").stdout.splitlines()
    assert last.startswith("Last sync: 4 Mar 2026, 11:57 UTC (")
    assert last.endswith("2 min 0 s, 3 projects, 12 requests, 42 rows read, 6 sent; 2 not read")
    assert [line.split("  ")[0] for line in projects] == ["name 1", "name 2", "name 0"]
    assert "1 Mar 2026, 08:00" in projects[0]
    assert "  2026-03-04T01:00Z  " in projects[0]
    assert projects[0].endswith("  jobs: the server answered 403 since 2 Mar 2026, 10:30; 1 more")
    warehouse.execute(ALSO)
    shown = run(warehouse, "info").stdout
    assert shown.splitlines()[2] == "members: refused since 2 Mar 2026, 10:30"
    assert "\x1b" not in shown


def test_a_thousand_projects_are_short(tmp_path: Path) -> None:
    warehouse = duckdb_at(tmp_path / "warehouse.duckdb")
    warehouse.execute(TABLES.format(last=999, with_syncs=True))
    _, *lines = run(warehouse, "info").stdout.splitlines()
    assert len(lines) == 24
    assert [line.split("  ")[0] for line in lines[3:5]] == ["name 1", "name 999"]
    assert lines[-1].startswith("and 980 more, which can be read and are less old")

    title, _, jobs, runs = run(warehouse, "info", "name 1").stdout.splitlines()[3:]
    assert (title, jobs.split("  ")[0]) == ("name 1 (proj_1)", "jobs")
    assert runs.endswith("the server answered 403 since 2 Mar 2026, 10:30")


def test_what_is_not_there_is_a_line(warehouse: Warehouse) -> None:
    assert len(run(warehouse, "info", code=1).stderr.splitlines()) == 1

    warehouse.execute(TABLES.format(last=1, with_syncs=False))
    _, last, _, _, first, _ = run(warehouse, "info").stdout.splitlines()
    assert last.startswith("No sync is known: select the stream syncs")
    assert first.split() == ["name", "1", "-", "1", "Mar", "2026,", "08:00", "-", "-"]
    unknown = run(warehouse, "info", "nix", "proj_1", code=1)
    assert unknown.stderr == "info: there is no project nix in the answers\n"
