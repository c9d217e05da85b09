with read_now as (
    {{ tap_dagctl.window_days() | indent }}
),

windows as (
    select
        stats.*,
        max(stats.end_date) over (partition by stats.project_id) as newest_end_date
    from {{ ref('stg_dagctl__model_stats') }} as stats
    join read_now
        on read_now.project_id = stats.project_id
        and read_now.days = {{ tap_dagctl.days_between('stats.start_date', 'stats.end_date') }} + 1
    where stats.start_date <= cast({{ tap_dagctl.as_of() }} as date)
)

select
    windows.project_id,
    projects.project_name,
    windows.model_name,
    windows.start_date,
    windows.end_date,
    windows.total_executions,
    windows.p95_duration_seconds,
    windows.max_duration_seconds
from windows
join {{ ref('known_projects') }} as projects on projects.project_id = windows.project_id
where windows.end_date = windows.newest_end_date
    and windows.end_date >= {{ tap_dagctl.first_current_day() }}
    and windows.p95_duration_seconds is not null
    and not projects.is_gone
order by windows.p95_duration_seconds desc, windows.model_name, windows.project_id
