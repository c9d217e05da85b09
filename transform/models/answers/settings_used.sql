select
    {{ tap_dagctl.as_of() }} as as_of,
    cast({{ var('dagctl_sla_days') }} as integer) as sla_days,
    cast({{ var('dagctl_regression_percent') }} as double precision) as regression_percent,
    cast({{ var('dagctl_held_back_days') }} as integer) as held_back_days,
    cast({{ var('dagctl_held_back_times') }} as integer) as held_back_times,
    cast({{ var('dagctl_overdue_factor') }} as double precision) as overdue_factor
