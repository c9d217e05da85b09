{{ tap_dagctl.staged(source('dagctl', 'runs'), key=['id']) }}
