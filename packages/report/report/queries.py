"""The longer queries of the page."""

from __future__ import annotations

BREACHES = """
    with days as (
        select project_id, cast(coalesce(start_time, created_at) as date) as date,
               coalesce(nullif(job_name, ''), 'unknown') as job_name, id as run_id,
               coalesce(start_time, created_at) as start_time,
               row_number() over (
                   partition by project_id, cast(coalesce(start_time, created_at) as date)
                   order by duration_seconds desc nulls last, id
               ) as longest_first
        from stg_dagctl__runs
    )
    select breaches.*, days.job_name, days.run_id, days.start_time
    from sla_breaches as breaches
    left join days
        on days.project_id = breaches.project_id
        and days.date = breaches.date
        and days.longest_first = 1
    order by case when kept_again_on is null then 0 else 1 end,
             p95_duration_seconds / nullif(sla_seconds, 0) desc nulls first,
             breaches.date desc, project_name
"""
"""With the longest run of each day."""

_EXECUTIONS = """
    select executions.project_id, executions.model_name, executions.status,
           executions.duration_seconds, executions.run_id,
           coalesce(nullif(runs.job_name, ''), 'unknown') as job_name,
           coalesce(executions.start_time, executions.created_at) as start_time
    from stg_dagctl__model_executions as executions
    left join stg_dagctl__runs as runs on runs.id = executions.run_id
"""

REGRESSIONS = f"""
    with executions as ({_EXECUTIONS}),
    slowest as (
        select slower.project_id, slower.model_name, slower.start_date,
               executions.job_name, executions.run_id, executions.start_time,
               row_number() over (
                   partition by slower.project_id, slower.model_name, slower.start_date
                   order by executions.duration_seconds desc nulls last, executions.start_time desc
               ) as longest_first
        from model_regressions as slower
        join executions
            on executions.project_id = slower.project_id
            and executions.model_name = slower.model_name
            and cast(executions.start_time as date) between slower.start_date and slower.end_date
        where slower.is_current
    )
    select slower.*, slowest.job_name, slowest.run_id, slowest.start_time
    from model_regressions as slower
    left join slowest
        on slowest.project_id = slower.project_id
        and slowest.model_name = slower.model_name
        and slowest.start_date = slower.start_date
        and slowest.longest_first = 1
    where slower.is_current
    order by change_percent desc, windows_ago, slower.model_name, project_name
"""  # noqa: S608 - from above
"""With the run in which the model took longest."""

HELD_BACK = f"""
    with executions as ({_EXECUTIONS}),
    newest as (
        select executions.*,
               row_number() over (
                   partition by executions.project_id, executions.model_name
                   order by executions.start_time desc nulls last
               ) as newest_first
        from executions
        where executions.status in ('skipped', 'blocked')
    )
    select held_back.*, newest.job_name, newest.run_id, newest.start_time
    from held_back_models as held_back
    left join newest
        on newest.project_id = held_back.project_id
        and newest.model_name = held_back.model_name
        and newest.newest_first = 1
    order by case when held_back_in_a_row > 0 then 0 else 1 end,
             skipped_executions + blocked_executions desc, project_name, held_back.model_name
"""  # noqa: S608 - from above
"""With the newest run in which the model did not run."""

JOBS = """
    select jobs.*, slas.sla_seconds
    from job_weeks as jobs
    left join project_slas as slas on slas.project_id = jobs.project_id
    where is_current
    order by success_rate, jobs.project_name, job_name
"""

SLA_MONTHS = """
    select months.*
    from sla_months as months
    join known_projects as projects on projects.project_id = months.project_id
    where not projects.is_gone and months.month >= date '{first}'
"""

FRESHNESS = """
    select projects.project_id, projects.project_name, cast(null as timestamp) as read_at,
           max(runs.updated_at) as newest_change_at, false as is_failing
    from known_projects as projects
    left join stg_dagctl__runs as runs on runs.project_id = projects.project_id
    where not projects.is_gone
    group by projects.project_id, projects.project_name
"""
"""What is known without a table of syncs."""

LOST = """
    select project_id, project_name, job_name, sum(failed_runs + error_runs) as failed_runs,
           sum(partial_runs) as partial_runs, sum(lost_seconds) as lost_seconds
    from time_lost
    where date between date '{first}' and date '{last}'
        and project_id not in (select project_id from known_projects where is_gone)
    group by project_id, project_name, job_name
    order by lost_seconds desc, project_name, job_name
"""

FAULTS = """
    select faults.*, projects.project_name
    from (
        select project_id, 'runs' as held_by, count(*) as negative_rows,
               min(duration_seconds) as lowest_seconds,
               max(cast(coalesce(start_time, created_at) as date)) as newest_date
        from stg_dagctl__runs
        where duration_seconds < 0 and coalesce(start_time, created_at) >= date '{first}'
        group by project_id
        union all
        select project_id, 'daily statistics', count(*), min(p95_duration_seconds), max(date)
        from stg_dagctl__daily_stats
        where p95_duration_seconds < 0 and date >= date '{first}'
        group by project_id
        union all
        select project_id, 'model statistics', count(*), min(p95_duration_seconds), max(end_date)
        from slowest_models
        where p95_duration_seconds < 0
        group by project_id
    ) as faults
    join known_projects as projects on projects.project_id = faults.project_id
    where not projects.is_gone
    order by lowest_seconds, project_name, held_by
"""
