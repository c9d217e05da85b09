-- Windows of one length only: a p95 over a week says nothing about one over a day.
with read_now as (
    {{ tap_dagctl.window_days() | indent }}
),

compared as (
    select
        now.project_id,
        now.model_name,
        previous.start_date as previous_start_date,
        previous.end_date as previous_end_date,
        now.start_date,
        now.end_date,
        previous.p95_duration_seconds as previous_p95_duration_seconds,
        now.p95_duration_seconds,
        {{ tap_dagctl.change_percent(
            'previous.p95_duration_seconds', 'now.p95_duration_seconds'
        ) }} as change_percent,
        cast(
            floor(
                {{ tap_dagctl.days_between('now.start_date', 'cast(' ~ tap_dagctl.as_of() ~ ' as date)') }}
                * 1.0 / ({{ tap_dagctl.days_between('now.start_date', 'now.end_date') }} + 1)
            ) as integer
        ) as windows_ago
    from {{ ref('stg_dagctl__model_stats') }} as now
    join {{ ref('stg_dagctl__model_stats') }} as previous
        on previous.project_id = now.project_id
        and previous.model_name = now.model_name
        and previous.end_date = now.start_date - 1
        and (
            {{ tap_dagctl.days_between('previous.start_date', 'previous.end_date') }}
            = {{ tap_dagctl.days_between('now.start_date', 'now.end_date') }}
        )
    where previous.p95_duration_seconds > 0
        and now.p95_duration_seconds > 0
)

select
    compared.project_id,
    projects.project_name,
    compared.model_name,
    compared.previous_start_date,
    compared.previous_end_date,
    compared.start_date,
    compared.end_date,
    compared.previous_p95_duration_seconds,
    compared.p95_duration_seconds,
    {{ tap_dagctl.one_decimal('compared.change_percent') }} as change_percent,
    compared.windows_ago,
    compared.end_date >= cast({{ tap_dagctl.as_of() }} as date) as is_open,
    -- Today's window goes on, so the one before it is new, too.
    coalesce(
        compared.windows_ago between 0 and 1
        and read_now.days = {{ tap_dagctl.days_between('compared.start_date', 'compared.end_date') }} + 1
        and not projects.is_gone,
        false
    ) as is_current
from compared
left join {{ ref('known_projects') }} as projects on projects.project_id = compared.project_id
left join read_now on read_now.project_id = compared.project_id
where compared.change_percent > {{ tap_dagctl.number('dagctl_regression_percent') }}
order by compared.change_percent desc, projects.project_name, compared.model_name, compared.start_date
