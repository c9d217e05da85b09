with days as (
    select
        days.project_id,
        projects.name as project_name,
        days.date,
        days.p95_duration_seconds,
        days.max_duration_seconds,
        days.total_runs,
        {{ tap_dagctl.sla_seconds('days.project_id', 'projects.name') }} as sla_seconds
    from {{ ref('stg_dagctl__daily_stats') }} as days
    left join {{ ref('stg_dagctl__projects') }} as projects on projects.id = days.project_id
    where days.date >= {{ tap_dagctl.first_of_last(tap_dagctl.whole_number('dagctl_sla_days')) }}
        and days.date <= cast({{ tap_dagctl.as_of() }} as date)
)

select * from days
where p95_duration_seconds > sla_seconds
order by date, project_name, project_id
