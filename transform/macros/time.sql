{# The moment that everything counts back from, in UTC. #}
{% macro as_of() -%}
cast('{{ var("dagctl_as_of") or run_started_at.strftime("%Y-%m-%d %H:%M:%S") }}' as timestamp)
{%- endmacro %}


{# The first of the last `days` days, today being one of them: how the API counts `days`. #}
{% macro first_of_last(days) -%}
cast({{ tap_dagctl.as_of() }} as date) - {{ days | int - 1 }}
{%- endmacro %}


{# The day a run or an execution belongs to: when it started, or was made while it waits. #}
{% macro day_of(row) -%}
cast(coalesce({{ row }}.start_time, {{ row }}.created_at) as date)
{%- endmacro %}


{% macro seconds_between(start, end) -%}
cast(extract(epoch from ({{ end }} - {{ start }})) as double precision)
{%- endmacro %}
