{#
  The moment that everything counts back from, in UTC. It is read here and not by the database: of an
  offset PostgreSQL would take no notice, and of a day each makes something else.
#}
{% macro as_of() -%}
{%- set said = var('dagctl_as_of') -%}
{%- if said -%}
    {%- set moment = modules.datetime.datetime.fromisoformat((said | string).replace('Z', '+00:00')) -%}
{%- else -%}
    {%- set moment = run_started_at -%}
{%- endif -%}
{%- if moment.tzinfo -%}
    {%- set moment = moment.astimezone(modules.pytz.utc) -%}
{%- endif -%}
cast('{{ moment.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as {{ tap_dagctl.type('timestamp') }})
{%- endmacro %}


{# The first of the last `days` days, today being one of them: how the API counts `days`. #}
{% macro first_of_last(days) -%}
cast({{ tap_dagctl.as_of() }} as date) - {{ days - 1 }}
{%- endmacro %}


{#
  When a run or an execution took place: when it started, or was made while it waits. The API does not
  promise an execution any of these fields, so the others stand in.
#}
{% macro moment_of(row) -%}
coalesce({{ row }}.start_time, {{ row }}.created_at, {{ row }}.end_time, {{ row }}.updated_at)
{%- endmacro %}


{# The day it belongs to. #}
{% macro day_of(row) -%}
cast({{ tap_dagctl.moment_of(row) }} as date)
{%- endmacro %}


{# The Monday on or before it. #}
{% macro week_of(day) -%}
{{ return(adapter.dispatch('week_of', 'tap_dagctl')(day)) }}
{%- endmacro %}


{% macro default__week_of(day) -%}
cast(date_trunc('week', {{ day }}) as date)
{%- endmacro %}


{# An account may say that its weeks begin on another day. #}
{% macro snowflake__week_of(day) -%}
dateadd('day', 1 - dayofweekiso({{ day }}), {{ day }})
{%- endmacro %}


{% macro bigquery__week_of(day) -%}
date_trunc({{ day }}, isoweek)
{%- endmacro %}


{# The first day of its month. #}
{% macro month_of(day) -%}
{{ return(adapter.dispatch('month_of', 'tap_dagctl')(day)) }}
{%- endmacro %}


{% macro default__month_of(day) -%}
cast(date_trunc('month', {{ day }}) as date)
{%- endmacro %}


{% macro bigquery__month_of(day) -%}
date_trunc({{ day }}, month)
{%- endmacro %}


{# How many days the second is after the first. #}
{% macro days_between(start, end) -%}
{{ return(adapter.dispatch('days_between', 'tap_dagctl')(start, end)) }}
{%- endmacro %}


{% macro default__days_between(start, end) -%}
({{ end }} - {{ start }})
{%- endmacro %}


{% macro bigquery__days_between(start, end) -%}
date_diff({{ end }}, {{ start }}, day)
{%- endmacro %}


{% macro databricks__days_between(start, end) -%}
datediff({{ end }}, {{ start }})
{%- endmacro %}


{# How many seconds the second moment is after the first, to the microsecond. #}
{% macro seconds_between(start, end) -%}
{{ return(adapter.dispatch('seconds_between', 'tap_dagctl')(start, end)) }}
{%- endmacro %}


{% macro default__seconds_between(start, end) -%}
cast(extract(epoch from ({{ end }} - {{ start }})) as double precision)
{%- endmacro %}


{% macro snowflake__seconds_between(start, end) -%}
cast(datediff('microsecond', {{ start }}, {{ end }}) as double precision) / 1000000
{%- endmacro %}


{% macro bigquery__seconds_between(start, end) -%}
timestamp_diff({{ end }}, {{ start }}, microsecond) / 1000000
{%- endmacro %}


{% macro databricks__seconds_between(start, end) -%}
cast(timestampdiff(microsecond, {{ start }}, {{ end }}) as double) / 1000000
{%- endmacro %}


{% macro redshift__seconds_between(start, end) -%}
cast(datediff(microsecond, {{ start }}, {{ end }}) as double precision) / 1000000
{%- endmacro %}


{# The moment that is so many milliseconds after 1970 began, in UTC. #}
{% macro from_milliseconds(number) -%}
{{ return(adapter.dispatch('from_milliseconds', 'tap_dagctl')(number)) }}
{%- endmacro %}


{% macro default__from_milliseconds(number) -%}
{{ dbt.dateadd('millisecond', number, "cast('1970-01-01' as " ~ tap_dagctl.type('timestamp') ~ ')') }}
{%- endmacro %}


{# Its intervals take no more than 32 bits. #}
{% macro duckdb__from_milliseconds(number) -%}
epoch_ms({{ number }})
{%- endmacro %}


{% macro bigquery__from_milliseconds(number) -%}
timestamp_millis({{ number }})
{%- endmacro %}


{# dbt's own would make a `timestamp` of it, in the zone of the session. #}
{% macro databricks__from_milliseconds(number) -%}
timestampadd(millisecond, {{ number }}, cast('1970-01-01' as timestamp_ntz))
{%- endmacro %}
