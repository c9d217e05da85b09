{{ tap_dagctl.staged(
    source('dagctl', 'model_stats'),
    key=['project_id', 'model_name', 'start_date', 'end_date'],
) }}
