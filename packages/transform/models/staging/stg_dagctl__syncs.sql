{{ tap_dagctl.staged(source('dagctl', 'syncs'), key=['sync_id', 'stream', 'project_id']) }}
