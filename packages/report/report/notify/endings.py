"""Why something that was told is over.

Late rows, corrected rows and days that pass take findings out of the answers. None of that ends a
trouble. It is over when the rows say so: a later success, a run that has ended, a day that kept the
SLA; or when its job or project is gone.
"""

from __future__ import annotations

import json

from report.formatting import duration
from report.notify.news import Key, Remembered
from report.warehouse import Row

_PARTS = ("part_1", "part_2", "part_3", "part_4")
_COLUMNS = ("finding", *_PARTS, "evidence")
_TOLD = "with told as (select {})".format(
    ", ".join(
        f"unnest(cast(${number} as varchar[])) as {name}"
        for number, name in enumerate(_COLUMNS, start=1)
    )
)
# The newest run of each job that has ended, in the order of the answer `broken_jobs`. The run that
# was told may run again: until it has ended, it does not matter that an older one succeeded.
BROKEN = f"""
    {_TOLD},
    ended as (
        select id, project_id, coalesce(nullif(job_name, ''), 'unknown') as job_name, status,
               coalesce(end_time, updated_at, start_time, created_at) as moment
        from stg_dagctl__runs
        where status in ('success', 'partial', 'failed', 'error')
    ),
    newest as (
        select distinct on (project_id, job_name) project_id, job_name, status, moment
        from ended
        order by project_id, job_name, moment desc nulls last, id desc
    )
    select told.finding,
        case
            when coalesce(jobs.is_gone, projects.is_gone) then 'the job is gone'
            when newest.status = 'success'
                and (told.evidence = '' or shown.moment <= newest.moment) then 'mended'
        end as ending
    from told
    left join known_projects as projects on projects.project_id = told.part_1
    left join known_jobs as jobs
        on jobs.project_id = told.part_1 and jobs.job_name = told.part_2
    left join newest on newest.project_id = told.part_1 and newest.job_name = told.part_2
    left join ended as shown on shown.id = told.evidence
"""  # noqa: S608 - from above
OVERDUE = f"""
    {_TOLD}
    select told.finding, runs.status, runs.duration_seconds,
        coalesce(jobs.is_gone, false) as is_gone
    from told
    join stg_dagctl__runs as runs on runs.id = told.part_1
    left join known_jobs as jobs
        on jobs.project_id = runs.project_id
        and jobs.job_name = coalesce(nullif(runs.job_name, ''), 'unknown')
"""  # noqa: S608 - from above
# When each project last kept its SLA for a whole day: today's p95 can still rise.
KEPT = """
    select days.project_id, max(days.date) as date
    from stg_dagctl__daily_stats as days
    join project_slas as slas on slas.project_id = days.project_id
    cross join settings_used
    where days.p95_duration_seconds <= slas.sla_seconds
        and days.date < cast(settings_used.as_of as date)
    group by days.project_id
"""
KEPT_AGAIN = "the SLA is kept again"
BREACHES = f"""
    {_TOLD},
    kept as ({KEPT})
    select told.finding,
        case
            when projects.is_gone then 'the project is gone'
            when kept.date > cast(told.part_2 as date) then '{KEPT_AGAIN}'
            when days.date < cast(settings_used.as_of as date)
                and coalesce(days.p95_duration_seconds <= slas.sla_seconds, true)
                then 'its p95 is not over the SLA any more'
        end as ending
    from told
    cross join settings_used
    left join known_projects as projects on projects.project_id = told.part_1
    left join kept on kept.project_id = told.part_1
    left join stg_dagctl__daily_stats as days
        on days.project_id = told.part_1 and days.date = cast(told.part_2 as date)
    left join project_slas as slas on slas.project_id = told.part_1
"""  # noqa: S608 - from above
# `model_regressions` has windows of every length and age, so one that is not in it did not get
# slower, if both of its windows are known and the later one has closed.
REGRESSIONS = f"""
    {_TOLD},
    windows as (
        select told.finding, told.part_1 as project_id, told.part_2 as model_name,
            cast(told.part_3 as date) as start_date, cast(told.part_4 as date) as end_date,
            cast(settings_used.as_of as date) as today
        from told
        cross join settings_used
    )
    select windows.finding, slowest.p95_duration_seconds,
        coalesce(projects.is_gone, false) as is_gone,
        windows.today - windows.start_date
            >= 2 * (windows.end_date - windows.start_date + 1) as is_past,
        slower.project_id is null
            and windows.end_date < windows.today
            and stats.project_id is not null
            and previous.project_id is not null as is_lower
    from windows
    left join known_projects as projects on projects.project_id = windows.project_id
    left join stg_dagctl__model_stats as stats
        on stats.project_id = windows.project_id and stats.model_name = windows.model_name
        and stats.start_date = windows.start_date and stats.end_date = windows.end_date
    left join stg_dagctl__model_stats as previous
        on previous.project_id = windows.project_id and previous.model_name = windows.model_name
        and previous.end_date = windows.start_date - 1
        and previous.end_date - previous.start_date = windows.end_date - windows.start_date
    left join slowest_models as slowest
        on slowest.project_id = windows.project_id and slowest.model_name = windows.model_name
    left join model_regressions as slower
        on slower.project_id = windows.project_id and slower.model_name = windows.model_name
        and slower.start_date = windows.start_date and slower.end_date = windows.end_date
"""  # noqa: S608 - from above
HELD_BACK = f"""
    {_TOLD},
    newest as (
        select distinct on (executions.project_id, executions.model_name)
            executions.project_id, executions.model_name, executions.status
        from stg_dagctl__model_executions as executions
        join told
            on told.part_1 = executions.project_id and told.part_2 = executions.model_name
        where executions.status not in ('pending', 'running')
        order by executions.project_id, executions.model_name,
            coalesce(
                executions.start_time, executions.created_at, executions.end_time,
                executions.updated_at
            ) desc nulls last,
            executions.id desc
    )
    select told.finding,
        case
            when projects.is_gone then 'the project is gone'
            when newest.status not in ('skipped', 'blocked') then 'it has run again'
        end as ending
    from told
    left join known_projects as projects on projects.project_id = told.part_1
    left join newest on newest.project_id = told.part_1 and newest.model_name = told.part_2
"""  # noqa: S608 - from above
# `unread_streams` leaves out what has not been tried for days, as when it is not selected any more.
UNREAD = f"""
    {_TOLD},
    newest as (
        select distinct on (project_id, stream) project_id, stream, error
        from stg_dagctl__syncs
        order by project_id, stream, began_at desc, sync_id desc
    )
    select told.finding,
        case
            when projects.is_gone then 'the project is gone'
            when newest.stream is not null and newest.error is null then 'it is read again'
            when newest.stream is not null then 'it is not read any more'
        end as ending
    from told
    left join known_projects as projects on projects.project_id = told.part_1
    left join newest on newest.project_id = told.part_1 and newest.stream = told.part_2
"""  # noqa: S608 - from above


def told(key: Key, it: Remembered) -> tuple[str, ...]:
    """Return what the queries need to know of a finding, in the order of their parameters."""
    parts = json.loads(key[1])
    return key[1], *parts, *[""] * (len(_PARTS) - len(parts)), it.evidence


def as_the_query_says(row: Row) -> str:
    """Return why it is over, or nothing."""
    return row["ending"] or ""


def of_run(row: Row) -> str:
    """Say how a run ended that took too long."""
    if row["status"] not in {None, "pending", "running"}:
        took = row["duration_seconds"]
        after = "" if took is None else f" after {duration(took)}"
        return f"ended{after} ({row['status']})"
    return "the job is gone" if row["is_gone"] else ""


def of_regression(row: Row) -> str:
    """Say why a model that got slower is no news any more."""
    if row["is_gone"]:
        return "the project is gone"
    if row["is_past"]:
        now = row["p95_duration_seconds"]
        so_far = "" if now is None else f", and its p95 is {duration(now)} now"
        return f"that is two windows ago{so_far}"
    return "its p95 turned out lower" if row["is_lower"] else ""
