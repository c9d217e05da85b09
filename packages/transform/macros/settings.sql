{#
  A threshold, and the name under which it was set. dbt renders nothing that stands in `vars`, so that
  the environment is read here. An empty variable is not set.
#}
{% macro threshold(name) -%}
{%- set said = var(name, none) -%}
{%- set text = env_var(name | upper, '') | trim -%}
{%- if said is not none -%}
    {{ return({'name': name, 'value': said}) }}
{%- elif text -%}
    {%- set value = fromjson(text, text) -%}
    {{ return({'name': name | upper, 'value': value if value is number or value is mapping else text}) }}
{%- else -%}
    {{ return({'name': name, 'value': var('dagctl_thresholds')[name]['default']}) }}
{%- endif -%}
{%- endmacro %}


{# A number that the user may set: checked here, so that what is wrong with it is said in one line. #}
{% macro number(name, least=0) -%}
{%- set found = tap_dagctl.threshold(name) -%}
{{ return(tap_dagctl.checked(found.name, found.value, least)) }}
{%- endmacro %}


{# A number of days or times: whole, and at least one. #}
{% macro whole_number(name) -%}
{%- set value = tap_dagctl.number(name, 1) -%}
{%- if value is not integer -%}
    {%- do exceptions.raise_compiler_error(
        tap_dagctl.threshold(name).name ~ ' must be a whole number, not ' ~ value
    ) -%}
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
{%- set found = tap_dagctl.threshold('dagctl_sla_seconds_by_project') -%}
{%- if found.value is not mapping -%}
    {%- do exceptions.raise_compiler_error(
        found.name ~ ' must be like {"sales": 600}, not ' ~ found.value
    ) -%}
{%- endif -%}
{%- for project, seconds in found.value.items() -%}
    {%- do tap_dagctl.checked(found.name ~ ' of ' ~ project, seconds, 0) -%}
{%- endfor -%}
{{ return(found.value) }}
{%- endmacro %}


{#
  Warns of a project with an SLA of its own that is in no row: its name is misspelt, and the usual SLA
  holds.
#}
{% macro warn_of_unknown_projects(known_projects) -%}
{%- do adapter.dispatch('warn_of_unknown_projects', 'tap_dagctl')(known_projects) -%}
{%- endmacro %}


{% macro default__warn_of_unknown_projects(known_projects) -%}
{%- set overrides = tap_dagctl.sla_overrides() -%}
{%- if execute and overrides and load_relation(known_projects) is not none -%}
    {%- set known = [] -%}
    {%- for row in run_query('select project_id, own_name from ' ~ known_projects).rows -%}
        {%- do known.extend(row.values()) -%}
    {%- endfor -%}
    {%- for project in overrides if project | string not in known -%}
        {%- do exceptions.warn(
            tap_dagctl.threshold('dagctl_sla_seconds_by_project').name ~ ': no project is called '
            ~ project ~ ', so its SLA is not used'
        ) -%}
    {%- endfor -%}
{%- endif -%}
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
