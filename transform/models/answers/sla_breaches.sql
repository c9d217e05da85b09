select
    days.project_id,
    slas.project_name,
    days.date,
    days.p95_duration_seconds,
    days.max_duration_seconds,
    days.total_runs,
    coalesce(slas.sla_seconds, {{ var('dagctl_sla_seconds') }}) as sla_seconds
from {{ ref('stg_dagctl__daily_stats') }} as days
left join {{ ref('project_slas') }} as slas on slas.project_id = days.project_id
where days.p95_duration_seconds > coalesce(slas.sla_seconds, {{ var('dagctl_sla_seconds') }})
    and days.date >= {{ tap_dagctl.first_of_last(var('dagctl_sla_days')) }}
    and days.date <= cast({{ tap_dagctl.as_of() }} as date)
order by days.date, slas.project_name, days.project_id
