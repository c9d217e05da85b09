"""Each row of the page links to the run that shows it best."""

from __future__ import annotations

from datetime import datetime

import duckdb

from report import queries

# The second is the longest of the day, the newest of those as long, and the newest in which the
# model did not run.
_ROWS = """
    create table stg_dagctl__runs as select * from (values
        ('a', 'p', 'hourly', timestamp '2026-03-03 09:00', 1.0), ('b', 'p', '', null, 2.0),
        ('c', 'p', 'hourly', '2026-03-03 11:00', null), ('d', 'p', 'hourly', '2026-03-02', 9.0),
        ('e', 'q', 'hourly', '2026-03-03 12:00', 9.0), ('f', 'p', 'hourly', '2026-03-03 08:00', 2.0)
    ) as given(id, project_id, job_name, start_time, duration_seconds);
    alter table stg_dagctl__runs add column created_at timestamp default '2026-03-03 10:00';
    create table stg_dagctl__model_executions as
        select id as run_id, 'm' as model_name, * exclude (id, job_name),
            if(id < 'c' or project_id = 'q', 'skipped', 'success') as status
        from stg_dagctl__runs;
    insert into stg_dagctl__model_executions by name select * replace ('n' as model_name,
        timestamp '2026-03-03 23:00' as start_time, 9.0 as duration_seconds)
        from stg_dagctl__model_executions where run_id = 'a';
    create table sla_breaches as select 'p' as project_id, 'p' as project_name,
        date '2026-03-03' as date, 2.0 as p95_duration_seconds, 1.0 as sla_seconds,
        null as kept_again_on;
    create table model_regressions as select 'p' as project_id, 'p' as project_name,
        'm' as model_name, date '2026-03-03' as start_date, date '2026-03-04' as end_date,
        30.0 as change_percent, 0 as windows_ago, unnest([true, false]) as is_current;
    create table held_back_models as select 'p' as project_id, 'p' as project_name,
        'm' as model_name, 3 as skipped_executions, 0 as blocked_executions,
        3 as held_back_in_a_row
"""


def test_each_finding_names_its_run() -> None:
    with duckdb.connect() as connection:
        connection.execute(_ROWS)
        for query in (queries.BREACHES, queries.REGRESSIONS, queries.HELD_BACK):
            named = f"select run_id, job_name, start_time from ({query})"  # noqa: S608 - the page's
            found = connection.execute(named).fetchall()
            assert found == [("b", "unknown", datetime(2026, 3, 3, 10))]  # noqa: DTZ001 - UTC
