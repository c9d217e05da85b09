with runs as (
    select
        project_id,
        {{ tap_dagctl.day_of('runs') }} as date,
        status,
        duration_seconds
    from {{ ref('stg_dagctl__runs') }} as runs
)

select
    runs.project_id,
    projects.project_name,
    runs.date,
    count(*) as total_runs,
    count(case when runs.status = 'success' then 1 end) as successful_runs,
    count(case when runs.status = 'partial' then 1 end) as partial_runs,
    count(case when runs.status in ('failed', 'error') then 1 end) as failed_runs,
    {{ tap_dagctl.percentile(0.5, 'runs.duration_seconds') }} as p50_duration_seconds,
    {{ tap_dagctl.percentile(0.95, 'runs.duration_seconds') }} as p95_duration_seconds,
    max(runs.duration_seconds) as max_duration_seconds
from runs
left join {{ ref('known_projects') }} as projects on projects.project_id = runs.project_id
group by runs.project_id, projects.project_name, runs.date
