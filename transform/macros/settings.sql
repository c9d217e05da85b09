{# A number that the user may set: checked here, so that what is wrong with it is said in one line. #}
{% macro number(name, least=0) -%}
{{ return(tap_dagctl.checked(name, var(name), least)) }}
{%- endmacro %}


{# A number of days or times: whole, and at least one. #}
{% macro whole_number(name) -%}
{%- set value = tap_dagctl.number(name, 1) -%}
{%- if value is not integer -%}
    {%- do exceptions.raise_compiler_error(name ~ ' must be a whole number, not ' ~ value) -%}
{%- endif -%}
{{ return(value) }}
{%- endmacro %}


{% macro checked(name, value, least) -%}
{%- if value is not number or value is boolean or value | string in ('inf', '-inf', 'nan') -%}
    {%- do exceptions.raise_compiler_error(name ~ ' must be a number, not ' ~ value) -%}
{%- elif value < least -%}
    {%- do exceptions.raise_compiler_error(name ~ ' must be at least ' ~ least ~ ', not ' ~ value) -%}
{%- endif -%}
{{ return(value) }}
{%- endmacro %}


{# The thresholds of single projects, by id or name. #}
{% macro sla_overrides() -%}
{%- set name = 'dagctl_sla_seconds_by_project' -%}
{%- set overrides = var(name) or {} -%}
{%- if overrides is not mapping -%}
    {%- do exceptions.raise_compiler_error(name ~ ' must be like {sales: 600}, not ' ~ overrides) -%}
{%- endif -%}
{%- for project, seconds in overrides.items() -%}
    {%- do tap_dagctl.checked(name ~ ' of ' ~ project, seconds, 0) -%}
{%- endfor -%}
{{ return(overrides) }}
{%- endmacro %}


{# The threshold of a project in seconds; its id goes before its name. #}
{% macro sla_seconds(id, name) -%}
{%- set overrides = tap_dagctl.sla_overrides() -%}
cast(
    {%- if overrides %}
    case
        {%- for column in (id, name) %}{% for project, seconds in overrides.items() %}
        when {{ column }} = '{{ dbt.escape_single_quotes(project | string) }}' then {{ seconds }}
        {%- endfor %}{% endfor %}
        else {{ tap_dagctl.number('dagctl_sla_seconds') }}
    end
    {%- else %} {{ tap_dagctl.number('dagctl_sla_seconds') }}
    {%- endif %} as {{ tap_dagctl.type('double precision') }}
)
{%- endmacro %}
