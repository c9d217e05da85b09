with days as (
    select
        days.project_id,
        projects.project_name,
        days.date,
        days.p95_duration_seconds,
        days.max_duration_seconds,
        days.total_runs,
        slas.sla_seconds,
        -- Today's p95 can still rise, so today has not kept it yet.
        min(
            case
                when days.p95_duration_seconds <= slas.sla_seconds
                    and days.date < cast({{ tap_dagctl.as_of() }} as date)
                    then days.date
            end
        ) over (
            partition by days.project_id
            order by days.date
            rows between current row and unbounded following
        ) as kept_again_on
    from {{ ref('stg_dagctl__daily_stats') }} as days
    join {{ ref('known_projects') }} as projects on projects.project_id = days.project_id
    join {{ ref('project_slas') }} as slas on slas.project_id = days.project_id
    where not projects.is_gone
        and days.date >= {{ tap_dagctl.first_of_last(tap_dagctl.whole_number('dagctl_sla_days')) }}
        and days.date <= cast({{ tap_dagctl.as_of() }} as date)
)

select * from days
where p95_duration_seconds > sla_seconds
order by date, project_name, project_id
