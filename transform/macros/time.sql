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
cast('{{ moment.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as timestamp)
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


{% macro seconds_between(start, end) -%}
cast(extract(epoch from ({{ end }} - {{ start }})) as double precision)
{%- endmacro %}


{# The moment that is so many milliseconds after 1970 began, in UTC. #}
{% macro from_milliseconds(number) -%}
{{ return(adapter.dispatch('from_milliseconds', 'tap_dagctl')(number)) }}
{%- endmacro %}


{% macro default__from_milliseconds(number) -%}
{{ dbt.dateadd('millisecond', number, "cast('1970-01-01' as timestamp)") }}
{%- endmacro %}


{# Its intervals take no more than 32 bits. #}
{% macro duckdb__from_milliseconds(number) -%}
epoch_ms({{ number }})
{%- endmacro %}
