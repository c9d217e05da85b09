{{ tap_dagctl.staged(source('dagctl', 'jobs'), key=['id']) }}
