{#
  One staging model: the columns that its description names, in the types it names there, one row a
  key. A loader may leave out what was not selected, so a table or a column that is not there is
  empty, with a line in the log; a loader that appends may hold a key more than once, and then the
  newest row counts: by `updated_at`, or by the stamps that most loaders add.
#}
{% macro staged(loaded, key) %}
{%- set columns = model.columns.values() | list -%}
{#- DuckDB 2 makes no view on a schema that has the name of its file. -#}
{%- set database = var('dagctl_database') or target.database -%}
{%- if target.type == 'duckdb' and tap_dagctl.loaded_schema() | lower == database | lower -%}
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
    {%- do log(loaded ~ ' does not say when a row was loaded: nothing in it is known to be gone', info=true) -%}
{%- endif -%}
{%- set stamps = ['updated_at', '_sdc_sequence', '_sdc_received_at', '_sdc_batched_at', '_sdc_extracted_at',
    '_sdc_sync_started_at']
    | select('in', present) | list -%}
with loaded as (
    select
        {%- for column in columns %}
        {{ tap_dagctl.stored_value(column, present) }} as {{ adapter.quote(column.name) }},
        {%- endfor %}
        row_number() over (
            partition by {{ key | map('string') | join(', ') }}
            {%- if stamps %}
            order by {% for stamp in stamps %}{{ adapter.quote(stamp) }} desc nulls last{{ ', ' if not loop.last }}{% endfor %}
            {%- endif %}
        ) as newest_first
    from {{ tap_dagctl.as_stored(loaded) }}
)

select
    {%- for column in columns %}
    {{ adapter.quote(column.name) }}{{ ',' if not loop.last }}
    {%- endfor %}
from loaded
where newest_first = 1
{%- else -%}
select
    {%- for column in columns %}
    cast(null as {{ column.data_type }}) as {{ adapter.quote(column.name) }}{{ ',' if not loop.last }}
    {%- endfor %}
where 1 = 0
{%- endif -%}
{% endmacro %}


{#
  The table as a view names it. DuckDB calls a database by its file's name, and before 2.0 keeps that
  name in the view, so that a copied or renamed file would have broken views; without it a view looks
  in its own file. Only where the schema has the file's name would that be ambiguous.
#}
{% macro as_stored(loaded) -%}
{%- set same_file = target.type == 'duckdb' and loaded.database == this.database -%}
{{ loaded.include(database=not same_file or loaded.schema | lower == loaded.database | lower) }}
{%- endmacro %}


{# The name and type of each column that the loader made; nothing where it made no table. #}
{% macro columns_of(loaded) %}
{%- set present = {} -%}
{%- if execute -%}
    {%- set relation = load_relation(loaded) -%}
    {%- if relation is none -%}
        {%- do log('There is no table ' ~ loaded ~ ': ' ~ model.name ~ ' is empty', info=true) -%}
    {%- else -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {#- dbt calls text of any length "character varying(256)". -#}
            {%- set type = 'text' if column.is_string() else column.data_type | lower -%}
            {%- do present.update({column.name: type}) -%}
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
{%- if execute -%}
    {%- set found = [] -%}
    {%- for table in ('projects', 'runs', 'model_executions', 'daily_stats', 'model_stats', 'jobs', 'plans') -%}
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


{% macro as_type(name, type, present) %}
{%- if name not in present -%}
cast(null as {{ type }})
{%- elif type == 'timestamp' and 'with time zone' in present[name] -%}
{{ adapter.quote(name) }} at time zone 'UTC'
{%- elif type == 'date' and 'with time zone' in present[name] -%}
cast({{ adapter.quote(name) }} at time zone 'UTC' as date)
{%- elif type == 'timestamp' and present[name] == 'text' -%}
{#- PostgreSQL and DuckDB 2 would take no notice of an offset; a text without one is in UTC. -#}
cast(cast(
    {{ adapter.quote(name) }} || case
        when replace(replace(substr({{ adapter.quote(name) }}, 11), '-', '+'), 'Z', '+') like '%+%' then ''
        else 'Z'
    end as timestamp with time zone
) at time zone 'UTC' as timestamp)
{%- else -%}
cast({{ adapter.quote(name) }} as {{ type }})
{%- endif -%}
{% endmacro %}
