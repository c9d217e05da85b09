{{ tap_dagctl.refuse_nothing_loaded(source('dagctl', 'projects')) }}
{{ tap_dagctl.staged(source('dagctl', 'projects'), key=['id']) }}
