{#
  Fails with a line for each stream that cannot be read now. It comes last, when the answers are built
  and told: dbt run-operation fail_if_unread
#}
{% macro fail_if_unread() %}
{%- set query = 'select project_name, stream, error, failing_since from ' ~ ref('unread_streams') -%}
{%- set unread = run_query(query ~ ' order by failing_since, project_name, stream').rows -%}
{%- for project, stream, error, since in unread -%}
    {%- do exceptions.warn(
        project ~ ': ' ~ stream ~ ' cannot be read since ' ~ since.strftime('%Y-%m-%d %H:%M')
        ~ ' UTC: ' ~ error
    ) -%}
{%- endfor -%}
{%- if unread -%}
    {%- do exceptions.raise_compiler_error('Streams that cannot be read: ' ~ unread | length) -%}
{%- endif -%}
{% endmacro %}
