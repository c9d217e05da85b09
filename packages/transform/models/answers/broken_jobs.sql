with finished as (
    select
        id,
        project_id,
        {{ tap_dagctl.job_name('runs') }} as job_name,
        status,
        error_message,
        coalesce(end_time, updated_at, start_time, created_at) as moment
    from {{ ref('stg_dagctl__runs') }} as runs
    where status in ('success', 'partial', 'failed', 'error')
        and coalesce(end_time, updated_at, start_time, created_at) <= {{ tap_dagctl.as_of() }}
),

-- How many runs have succeeded since, counted from the newest run on: 0 is broken to this day.
numbered as (
    select
        *,
        row_number() over (
            partition by project_id, job_name
            order by moment desc nulls last, id desc
        ) as newest_first,
        sum(case when status = 'success' then 1 else 0 end) over (
            partition by project_id, job_name
            order by moment desc nulls last, id desc
            rows between unbounded preceding and current row
        ) as succeeded_since
    from finished
)

select
    numbered.project_id,
    max(jobs.project_name) as project_name,
    numbered.job_name,
    count(*) as broken_runs,
    min(numbered.moment) as broken_since,
    max(case when numbered.newest_first = 1 then numbered.id end) as run_id,
    max(case when numbered.newest_first = 1 then numbered.status end) as status,
    max(case when numbered.newest_first = 1 then numbered.moment end) as ended_at,
    max(case when numbered.newest_first = 1 then numbered.error_message end) as error_message
from numbered
join {{ ref('known_jobs') }} as jobs
    on jobs.project_id = numbered.project_id
    and jobs.job_name = numbered.job_name
where numbered.succeeded_since = 0
    and not jobs.is_gone
group by numbered.project_id, numbered.job_name
having cast(max(numbered.moment) as date) >= {{ tap_dagctl.first_current_day() }}
