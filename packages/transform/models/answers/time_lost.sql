-- All of a run that failed is lost; of one that succeeded in part, what its failed models took.
with failed_models as (
    select
        run_id,
        sum(duration_seconds) as seconds,
        count(*) as models
    from {{ ref('stg_dagctl__model_executions') }}
    where status in ('failed', 'error')
    group by run_id
),

runs as (
    select
        runs.project_id,
        {{ tap_dagctl.job_name('runs') }} as job_name,
        {{ tap_dagctl.day_of('runs') }} as date,
        runs.status,
        coalesce(failed_models.models, 0) as models,
        coalesce(
            case when runs.status = 'partial' then failed_models.seconds else runs.duration_seconds end,
            0
        ) as seconds
    from {{ ref('stg_dagctl__runs') }} as runs
    left join failed_models on failed_models.run_id = runs.id
    where runs.status in ('partial', 'failed', 'error')
)

select
    runs.project_id,
    projects.project_name,
    runs.job_name,
    runs.date,
    count(case when runs.status = 'partial' then 1 end) as partial_runs,
    count(case when runs.status = 'failed' then 1 end) as failed_runs,
    count(case when runs.status = 'error' then 1 end) as error_runs,
    cast(sum(runs.models) as bigint) as failed_models,
    sum(runs.seconds) as lost_seconds
from runs
left join {{ ref('known_projects') }} as projects on projects.project_id = runs.project_id
group by runs.project_id, projects.project_name, runs.job_name, runs.date
