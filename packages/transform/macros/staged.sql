{#
  One staging model: the columns that its description names, in the types it names there, one row a
  key. A loader may leave out what was not selected, so a table or a column that is not there is
  empty, with a line in the log; a loader that appends may hold a key more than once, and then the
  newest row counts: by `updated_at`, or by the stamps that most loaders add.
#}
{% macro staged(loaded, key) %}
{%- set columns = model.columns.values() | list -%}
{%- if not tap_dagctl.takes_views() -%}
    {%- do config(materialized='table') -%}
{%- endif -%}
{%- set present = tap_dagctl.columns_of(loaded) -%}
{%- if present -%}
{%- do tap_dagctl.refuse_local_time(loaded, present) -%}
{%- for name in key if name not in present -%}
    {%- do exceptions.raise_compiler_error(loaded ~ ' has no column ' ~ name ~ ', which is its key') -%}
{%- endfor -%}
{%- for column in columns if column.name not in present and column.name != 'last_synced_at' -%}
    {%- do log(loaded ~ ' has no column ' ~ column.name ~ ': it is null', info=true) -%}
{%- endfor -%}
{%- if 'last_synced_at' in model.columns and not tap_dagctl.moments_of_sync(present) -%}
    {%- do log(
        loaded ~ ' does not say when a row was loaded: nothing in it is known to be gone', info=true
    ) -%}
{%- endif -%}
{%- set stamps = ['updated_at', '_sdc_sequence', '_sdc_received_at', '_sdc_batched_at', '_sdc_extracted_at',
    '_sdc_sync_started_at']
    | select('in', present) | list -%}
with loaded as (
    select
        {%- for column in columns %}
        {{ tap_dagctl.stored_value(column, present) }} as {{ tap_dagctl.quoted(column.name) }},
        {%- endfor %}
        row_number() over (
            partition by {{ key | map('string') | join(', ') }}
            order by
                {%- for stamp in stamps %} {{ tap_dagctl.quoted(stamp) }} desc nulls last,{% endfor %}
                {{ key[0] }}
        ) as newest_first
    from {{ tap_dagctl.as_stored(loaded) }}
)

select
    {%- for column in columns %}
    {{ tap_dagctl.quoted(column.name) }}{{ ',' if not loop.last }}
    {%- endfor %}
from loaded
where newest_first = 1
{%- else -%}
select
    {%- for column in columns %}
    cast(null as {{ tap_dagctl.type(column.data_type) }}) as {{ tap_dagctl.quoted(column.name) }}
    {{- ',' if not loop.last }}
    {%- endfor %}
from (select 1 as nothing) as nothing
where 1 = 0
{%- endif -%}
{% endmacro %}


{# Whether views may be made on the loaded tables. #}
{% macro takes_views() -%}
{{ return(adapter.dispatch('takes_views', 'tap_dagctl')()) }}
{%- endmacro %}


{% macro default__takes_views() -%}
{{ return(true) }}
{%- endmacro %}


{# DuckDB 2 makes none on a schema that has the name of its file. #}
{% macro duckdb__takes_views() -%}
{%- set database = var('dagctl_database') or target.database -%}
{{ return(tap_dagctl.loaded_schema() | lower != database | lower) }}
{%- endmacro %}


{# The table as a view names it. #}
{% macro as_stored(loaded) -%}
{{ return(adapter.dispatch('as_stored', 'tap_dagctl')(loaded)) }}
{%- endmacro %}


{% macro default__as_stored(loaded) -%}
{{ return(loaded) }}
{%- endmacro %}


{#
  DuckDB calls a database by its file's name, and before 2.0 keeps that name in the view, so that a
  copied or renamed file would have broken views; without it a view looks in its own file. Only where
  the schema has the file's name would that be ambiguous.
#}
{% macro duckdb__as_stored(loaded) -%}
{%- set same_file = loaded.database == this.database -%}
{{ return(loaded.include(database=not same_file or not tap_dagctl.takes_views())) }}
{%- endmacro %}


{# The name and type of each column that the loader made; nothing where it made no table. #}
{% macro columns_of(loaded) -%}
{{ return(adapter.dispatch('columns_of', 'tap_dagctl')(loaded)) }}
{%- endmacro %}


{% macro default__columns_of(loaded) %}
{%- set present = {} -%}
{%- if execute -%}
    {%- set relation = load_relation(loaded) -%}
    {%- if relation is none -%}
        {%- do log('There is no table ' ~ loaded ~ ': ' ~ model.name ~ ' is empty', info=true) -%}
    {%- else -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- do present.update({column.name | lower: tap_dagctl.type_of(column)}) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endif -%}
{{ return(present) }}
{% endmacro %}


{#
  The schema of the loader, as `staging.yml` says it: while dbt reads the project, a source has none yet.
#}
{% macro loaded_schema() -%}
{{ return(
    var('dagctl_schema')
    or env_var('TARGET_' ~ target.type | upper ~ '_DEFAULT_TARGET_SCHEMA', '')
    or 'dagctl'
) }}
{%- endmacro %}


{# What a column of a staging model holds. #}
{% macro stored_value(column, present) -%}
{%- if column.name == 'last_synced_at' -%}
{{ tap_dagctl.last_synced_at(present) }}
{%- else -%}
{{ tap_dagctl.as_type(column.name, column.data_type, present) }}
{%- endif -%}
{%- endmacro %}


{#
  Refuses a schema in which the loader made no table at all: another schema is meant, or nothing has been
  loaded, and empty answers would say that all is well.
#}
{% macro refuse_nothing_loaded(projects) %}
{%- do adapter.dispatch('refuse_nothing_loaded', 'tap_dagctl')(projects) -%}
{% endmacro %}


{% macro default__refuse_nothing_loaded(projects) %}
{%- if execute -%}
    {%- set found = [] -%}
    {%- for table in (
        'projects', 'runs', 'model_executions', 'daily_stats', 'model_stats', 'jobs', 'plans'
    ) -%}
        {%- if adapter.get_relation(projects.database, projects.schema, table) is not none -%}
            {%- do found.append(table) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if not found -%}
        {%- do exceptions.raise_compiler_error(
            'There is nothing that tap-dagctl loaded in the schema ' ~ projects.schema ~ ': load first, or '
            ~ 'name the schema of the loader, by TARGET_' ~ target.type | upper
            ~ '_DEFAULT_TARGET_SCHEMA or the variable dagctl_schema'
        ) -%}
    {%- endif -%}
{%- endif -%}
{% endmacro %}
