with usual as (
    select
        project_id,
        {{ tap_dagctl.job_name('runs') }} as job_name,
        count(*) as runs,
        {{ tap_dagctl.percentile(0.95, 'duration_seconds') }} as p95_duration_seconds
    from {{ ref('stg_dagctl__runs') }} as runs
    where status = 'success'
        and duration_seconds is not null
        and (
            {{ tap_dagctl.day_of('runs') }}
            >= {{ tap_dagctl.first_of_last(tap_dagctl.whole_number('dagctl_overdue_days')) }}
        )
        and {{ tap_dagctl.moment_of('runs') }} <= {{ tap_dagctl.as_of() }}
    group by project_id, {{ tap_dagctl.job_name('runs') }}
),

known as (
    select
        runs.id,
        runs.project_id,
        {{ tap_dagctl.job_name('runs') }} as job_name,
        runs.start_time,
        -- A list that cannot be read says nothing of the time since it was last read.
        case
            when unread.project_id is null or unread.last_read_at > {{ tap_dagctl.as_of() }}
                then {{ tap_dagctl.as_of() }}
            else unread.last_read_at
        end as known_until
    from {{ ref('stg_dagctl__runs') }} as runs
    left join {{ ref('unread_streams') }} as unread
        on unread.project_id = runs.project_id
        and unread.stream = 'runs'
    where runs.status = 'running'
        and runs.start_time <= {{ tap_dagctl.as_of() }}
        -- A run that has been deleted is running for ever.
        and cast(runs.start_time as date) >= {{ tap_dagctl.first_current_day() }}
),

running as (
    select
        id,
        project_id,
        job_name,
        start_time,
        {{ tap_dagctl.seconds_between('start_time', 'known_until') }} as running_seconds
    from known
)

select
    running.id as run_id,
    running.project_id,
    jobs.project_name,
    running.job_name,
    running.start_time,
    running.running_seconds,
    usual.p95_duration_seconds as usual_p95_duration_seconds,
    usual.runs as usual_runs
from running
join usual
    on usual.project_id = running.project_id
    and usual.job_name = running.job_name
join {{ ref('known_jobs') }} as jobs
    on jobs.project_id = running.project_id
    and jobs.job_name = running.job_name
where not jobs.is_gone
    and usual.runs >= {{ tap_dagctl.whole_number('dagctl_overdue_least_runs') }}
    and (
        running.running_seconds
        > {{ tap_dagctl.number('dagctl_overdue_factor') }} * usual.p95_duration_seconds
    )
order by running.start_time, running.id
