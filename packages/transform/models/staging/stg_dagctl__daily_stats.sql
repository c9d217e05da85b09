{{ tap_dagctl.staged(source('dagctl', 'daily_stats'), key=['project_id', 'date']) }}
