{{ tap_dagctl.staged(source('dagctl', 'plans'), key=['id']) }}
