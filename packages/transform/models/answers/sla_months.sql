-- All days that were ever loaded, against the thresholds of now.
with days as (
    select
        project_id,
        {{ tap_dagctl.month_of('date') }} as month,
        p95_duration_seconds
    from {{ ref('stg_dagctl__daily_stats') }}
    where p95_duration_seconds is not null
        and date <= cast({{ tap_dagctl.as_of() }} as date)
)

select
    days.project_id,
    slas.project_name,
    days.month,
    count(*) as measured_days,
    count(case when days.p95_duration_seconds > slas.sla_seconds then 1 end) as days_over,
    max(days.p95_duration_seconds) as max_p95_duration_seconds,
    slas.sla_seconds
from days
join {{ ref('project_slas') }} as slas on slas.project_id = days.project_id
group by days.project_id, slas.project_name, days.month, slas.sla_seconds
