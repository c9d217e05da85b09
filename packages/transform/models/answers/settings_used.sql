select
    {{ tap_dagctl.as_of() }} as as_of,
    cast(
        {{ tap_dagctl.number('dagctl_sla_seconds') }} as {{ tap_dagctl.type('double precision') }}
    ) as sla_seconds,
    cast({{ tap_dagctl.whole_number('dagctl_sla_days') }} as integer) as sla_days,
    cast(
        {{ tap_dagctl.number('dagctl_regression_percent') }} as {{ tap_dagctl.type('double precision') }}
    ) as regression_percent,
    cast({{ tap_dagctl.whole_number('dagctl_held_back_days') }} as integer) as held_back_days,
    cast({{ tap_dagctl.whole_number('dagctl_held_back_times') }} as integer) as held_back_times,
    cast(
        {{ tap_dagctl.number('dagctl_overdue_factor') }} as {{ tap_dagctl.type('double precision') }}
    ) as overdue_factor,
    cast({{ tap_dagctl.whole_number('dagctl_overdue_days') }} as integer) as overdue_days,
    cast({{ tap_dagctl.whole_number('dagctl_overdue_least_runs') }} as integer) as overdue_least_runs,
    cast({{ tap_dagctl.whole_number('dagctl_current_days') }} as integer) as current_days,
    cast(
        {{ tap_dagctl.number('dagctl_gone_after_days') }} as {{ tap_dagctl.type('double precision') }}
    ) as gone_after_days
