"""Answers with one finding of each kind, and what a message says of them."""

from __future__ import annotations

from report.notify.settings import ADDRESSES as VARIABLE
from tests.support.receivers import SECRET, Receiver
from tests.support.reports import notify
from tests.support.warehouses import Warehouse

TOLD = "dagctl_answers.told_findings"
ANSWERS = {
    "settings_used": "timestamp '2026-03-04 12:00:00' as as_of, 7 as sla_days",
    "known_projects": "'p' as project_id, 'sales' as project_name, false as is_gone",
    "project_slas": "'p' as project_id, 'sales' as project_name, 600.0 as sla_seconds",
    "stg_dagctl__syncs": "'s1' as sync_id, 'jobs' as stream, 'p' as project_id, "
    "timestamp '2026-03-04 10:00:00' as began_at, cast('403' as varchar) as error",
    "stg_dagctl__model_executions": "'e' as id, 'p' as project_id, 'stock' as model_name, "
    "'blocked' as status, timestamp '2026-03-04 02:00:00' as start_time, "
    "timestamp '2026-03-04 04:00:00' as end_time, cast(null as timestamp) as updated_at, "
    "cast(null as timestamp) as created_at",
    "stg_dagctl__model_stats": "'p' as project_id, 'orders' as model_name, "
    "cast(day as date) as start_date, cast(day + interval '6 days' as date) as end_date "
    "from (values (timestamp '2026-02-16'), (timestamp '2026-02-23')) as windows(day)",
    "stg_dagctl__daily_stats": "'p' as project_id, date '2026-03-02' as date, "
    "2400.0 as p95_duration_seconds",
    "stg_dagctl__runs": "'run' as id, 'p' as project_id, 'weekly' as job_name, "
    "'running' as status, timestamp '2026-03-04 06:00:00' as start_time, "
    "cast(null as timestamp) as end_time, cast(null as timestamp) as updated_at, "
    "cast(null as timestamp) as created_at, cast(null as double precision) as duration_seconds "
    "union all select 'bad', 'p', 'nightly', 'failed', timestamp '2026-03-04 01:00:00', "
    "timestamp '2026-03-04 01:30:00', null, null, 1800.0",
    "known_jobs": "'p' as project_id, 'nightly' as job_name, false as is_gone, "
    "timestamp '2026-03-04 02:00:00' as last_run_at",
    "slowest_models": "'p' as project_id, 'orders' as model_name, 20.0 as p95_duration_seconds",
    "sla_breaches": "'p' as project_id, 'sales' as project_name, date '2026-03-02' as date, "
    "2400.0 as p95_duration_seconds, 600.0 as sla_seconds",
    "model_regressions": "'p' as project_id, 'sales' as project_name, 'orders' as model_name, "
    "date '2026-02-23' as start_date, date '2026-03-01' as end_date, 50.0 as change_percent, "
    "15.0 as p95_duration_seconds, 10.0 as previous_p95_duration_seconds, true as is_current",
    "broken_jobs": "'p' as project_id, 'sales' as project_name, 'nightly' as job_name, "
    "2 as broken_runs, timestamp '2026-03-03 02:00:00' as broken_since, 'failed' as status, "
    "'bad' as run_id",
    "held_back_models": "'p' as project_id, 'sales' as project_name, 'stock' as model_name, "
    "4 as held_back_in_a_row, timestamp '2026-03-01 02:00:00' as last_ran_at",
    "unread_streams": "'p' as project_id, 'sales' as project_name, 'jobs' as stream, "
    "'403' as error, timestamp '2026-03-03 10:00:00' as failing_since, "
    "timestamp '2026-03-02 10:00:00' as last_read_at",
    "overdue_runs": "'run' as run_id, 'p' as project_id, 'sales' as project_name, "
    "'weekly' as job_name, timestamp '2026-03-04 06:00:00' as start_time, "
    "21600.0 as running_seconds, 3600.0 as usual_p95_duration_seconds",
}
"""The columns of each table that is read: one row, and so a finding of each kind."""
SECTIONS = {
    "Streams that cannot be read": [
        (
            "jobs (sales): cannot be read since 3 Mar 2026, 10:00 UTC, "
            "last read 2 Mar 2026, 10:00 UTC"
        )
    ],
    "Jobs broken": [
        "nightly (sales): 2 runs in a row did not succeed, since 3 Mar 2026, 02:00 UTC (failed)"
    ],
    "Runs that take too long": [
        (
            "weekly (sales), started 4 Mar 2026, 06:00 UTC: "
            "running for 6 h 0 min, the usual p95 is 1 h 0 min"
        )
    ],
    "Days over the SLA": ["sales, 2 Mar 2026: p95 40 min 0 s, over the SLA by 30 min 0 s"],
    "Models that got slower": [
        "orders (sales), from 23 Feb 2026: p95 +50.0 %: 15.0 s, before 10.0 s"
    ],
    "Models held back": [
        "stock (sales): skipped or blocked 4 times in a row, last ran 1 Mar 2026, 02:00 UTC"
    ],
}
MENDED = (
    "delete from dagctl_answers.broken_jobs",
    """insert into dagctl_answers.stg_dagctl__runs values
        ('good', 'p', 'nightly', 'success', timestamp '2026-03-04 00:30',
        timestamp '2026-03-04 02:00', null, null, 5400)""",
    "delete from dagctl_answers.overdue_runs",
    """update dagctl_answers.stg_dagctl__runs
        set status = 'success', duration_seconds = 23000 where id = 'run'""",
    "insert into dagctl_answers.stg_dagctl__daily_stats values ('p', date '2026-03-03', 60)",
    """update dagctl_answers.model_regressions set is_current = false;
        update dagctl_answers.settings_used set as_of = timestamp '2026-03-09 12:00'""",
    "delete from dagctl_answers.held_back_models",
    """insert into dagctl_answers.stg_dagctl__model_executions values
        ('ran', 'p', 'stock', 'success', timestamp '2026-03-04 03:00', null, null, null)""",
    "delete from dagctl_answers.unread_streams",
    """insert into dagctl_answers.stg_dagctl__syncs values
        ('s2', 'jobs', 'p', timestamp '2026-03-04 11:00', null)""",
)
OVER = [
    "jobs (sales): it is read again",
    "nightly (sales): mended",
    "orders (sales), from 23 Feb 2026: that is two windows ago, and its p95 is 20.0 s now",
    "sales, 2 Mar 2026: the SLA is kept again",
    "stock (sales): it has run again",
    "weekly (sales), started 4 Mar 2026, 06:00 UTC: ended after 6 h 23 min (success)",
]


def build(warehouse: Warehouse) -> None:
    warehouse.execute("create schema dagctl_answers")
    for table, columns in ANSWERS.items():
        warehouse.execute(f"create table dagctl_answers.{table} as select {columns}")


def tell(warehouse: Warehouse, *receivers: Receiver, code: int = 0, **variables: str) -> str:
    addresses = " ".join(it.address for it in receivers)
    done = notify(warehouse, code=code, **{VARIABLE: addresses, **variables})
    said = done.stdout + done.stderr
    assert SECRET not in said
    return said
