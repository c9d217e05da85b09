with finished as (
    select
        project_id,
        {{ tap_dagctl.job_name('runs') }} as job_name,
        {{ tap_dagctl.day_of('runs') }} as date,
        {{ tap_dagctl.week_of(tap_dagctl.day_of('runs')) }} as week,
        status,
        case when status = 'success' then duration_seconds end as seconds
    from {{ ref('stg_dagctl__runs') }} as runs
    where status in ('success', 'partial', 'failed', 'error')
),

weeks as (
    select
        project_id,
        job_name,
        week,
        max(date) as last_day,
        count(*) as finished_runs,
        count(case when status = 'success' then 1 end) as successful_runs,
        {{ tap_dagctl.percentile(0.5, 'seconds') }} as p50_duration_seconds,
        {{ tap_dagctl.percentile(0.95, 'seconds') }} as p95_duration_seconds
    from finished
    group by project_id, job_name, week
),

compared as (
    select
        weeks.*,
        max(case when weeks.week <= cast({{ tap_dagctl.as_of() }} as date) then weeks.week end) over (
            partition by weeks.project_id, weeks.job_name
        ) as newest_week,
        previous.p50_duration_seconds as previous_p50_duration_seconds,
        {{ tap_dagctl.change_percent(
            'previous.p50_duration_seconds', 'weeks.p50_duration_seconds'
        ) }} as change_percent
    from weeks
    left join weeks as previous
        on previous.project_id = weeks.project_id
        and previous.job_name = weeks.job_name
        and previous.week = weeks.week - 7
        and previous.p50_duration_seconds > 0
)

select
    weeks.project_id,
    jobs.project_name,
    weeks.job_name,
    weeks.week,
    weeks.finished_runs,
    weeks.successful_runs,
    cast(weeks.successful_runs as {{ tap_dagctl.type('double precision') }})
    / weeks.finished_runs as success_rate,
    weeks.p50_duration_seconds,
    weeks.p95_duration_seconds,
    weeks.previous_p50_duration_seconds,
    {{ tap_dagctl.one_decimal('weeks.change_percent') }} as change_percent,
    coalesce(
        weeks.week = weeks.newest_week
        and weeks.last_day >= {{ tap_dagctl.first_current_day() }}
        and not jobs.is_gone,
        false
    ) as is_current
from compared as weeks
left join {{ ref('known_jobs') }} as jobs
    on jobs.project_id = weeks.project_id
    and jobs.job_name = weeks.job_name
