{{ tap_dagctl.staged(source('dagctl', 'model_executions'), key=['id']) }}
