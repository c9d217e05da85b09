{{ tap_dagctl.staged(source('dagctl', 'projects'), key=['id']) }}
