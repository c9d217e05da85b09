{# Every kind of column that a loader may have made: as described, with a zone, as text, and left out. #}
{% macro default__columns_of(loaded) %}
{%- set present = {
    '_sdc_sync_started_at': 'bigint',
    '_sdc_extracted_at': 'timestamp with time zone',
    '_sdc_received_at': 'timestamp without time zone',
    '_sdc_batched_at': 'text',
    '_sdc_sequence': 'bigint',
} -%}
{%- set others = {
    'start_time': 'timestamp with time zone',
    'end_time': 'text',
    'plan_output': 'text',
    'end_date': 'timestamp with time zone',
} -%}
{%- for name, column in model.columns.items() if name not in ('pod_name', 'last_synced_at') -%}
    {%- do present.update({name: others.get(name, column.data_type)}) -%}
{%- endfor -%}
{#- One table was not loaded, and what has no description yet is being parsed. -#}
{{ return(present if model.columns and loaded.identifier != 'jobs' else {}) }}
{% endmacro %}


{% macro default__refuse_nothing_loaded(projects) %}
{% endmacro %}


{% macro default__warn_of_unknown_projects(known_projects) %}
{% endmacro %}
