with executions as (
    select
        id,
        project_id,
        model_name,
        status,
        {{ tap_dagctl.moment_of('executions') }} as moment,
        status in ('skipped', 'blocked') as is_held_back
    from {{ ref('stg_dagctl__model_executions') }} as executions
    where model_name is not null
        and status not in ('pending', 'running')
        and (
            {{ tap_dagctl.day_of('executions') }}
            >= {{ tap_dagctl.first_of_last(tap_dagctl.whole_number('dagctl_held_back_days')) }}
        )
        and {{ tap_dagctl.day_of('executions') }} <= cast({{ tap_dagctl.as_of() }} as date)
),

-- How often it has run since, counted from the newest execution on: 0 is held back to this day.
numbered as (
    select
        *,
        sum(case when is_held_back then 0 else 1 end) over (
            partition by project_id, model_name
            order by moment desc nulls last, id desc
            rows between unbounded preceding and current row
        ) as ran_since
    from executions
),

counted as (
    select
        project_id,
        model_name,
        count(*) as executions,
        count(case when status = 'skipped' then 1 end) as skipped_executions,
        count(case when status = 'blocked' then 1 end) as blocked_executions,
        count(case when is_held_back and ran_since = 0 then 1 end) as held_back_in_a_row,
        max(case when not is_held_back then moment end) as last_ran_at
    from numbered
    group by project_id, model_name
)

select
    counted.project_id,
    projects.project_name,
    counted.model_name,
    counted.executions,
    counted.skipped_executions,
    counted.blocked_executions,
    counted.held_back_in_a_row,
    counted.last_ran_at
from counted
join {{ ref('known_projects') }} as projects on projects.project_id = counted.project_id
where not projects.is_gone
    and (
        counted.skipped_executions + counted.blocked_executions
        >= {{ tap_dagctl.whole_number('dagctl_held_back_times') }}
    )
order by
    counted.skipped_executions + counted.blocked_executions desc,
    projects.project_name,
    counted.model_name
