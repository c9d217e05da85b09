-- A table, not an incremental model. Which days have changed cannot be told by `updated_at`: a row may
-- be loaded late, long after newer ones (a sync that failed for one project, a first one that was cut
-- short). Comparing counts and stamps of every day finds it, but over a million executions that took
-- longer than computing all percentiles again: 1.7 s to 1.0 s in DuckDB, 5.0 s to 4.2 s in PostgreSQL.
with executions as (
    select
        project_id,
        model_name,
        {{ tap_dagctl.day_of('executions') }} as date,
        status,
        case when status = 'success' then duration_seconds end as seconds
    from {{ ref('stg_dagctl__model_executions') }} as executions
    where model_name is not null
)

select
    executions.project_id,
    projects.project_name,
    executions.model_name,
    executions.date,
    count(*) as executions,
    count(case when executions.status = 'success' then 1 end) as successful_executions,
    count(case when executions.status in ('failed', 'error') then 1 end) as failed_executions,
    count(case when executions.status in ('skipped', 'blocked') then 1 end) as held_back_executions,
    {{ tap_dagctl.percentile(0.5, 'executions.seconds') }} as p50_duration_seconds,
    {{ tap_dagctl.percentile(0.95, 'executions.seconds') }} as p95_duration_seconds,
    {{ tap_dagctl.percentile(0.99, 'executions.seconds') }} as p99_duration_seconds,
    max(executions.seconds) as max_duration_seconds,
    sum(executions.seconds) as total_duration_seconds
from executions
left join {{ ref('known_projects') }} as projects on projects.project_id = executions.project_id
group by executions.project_id, projects.project_name, executions.model_name, executions.date
