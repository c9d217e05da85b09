{#
  What a warehouse calls a type of staging.yml. A time is UTC and has no zone: a type with a zone would
  be shown in that of the session.
#}
{% macro type(name) -%}
{{ return(adapter.dispatch('type', 'tap_dagctl')(name)) }}
{%- endmacro %}


{% macro default__type(name) -%}
{{ return(name) }}
{%- endmacro %}


{% macro snowflake__type(name) -%}
{{ return({'timestamp': 'timestamp_ntz', 'json': 'variant'}.get(name, name)) }}
{%- endmacro %}


{# Its `timestamp` is a moment, which it casts and shows as UTC. #}
{% macro bigquery__type(name) -%}
{{ return({'text': 'string', 'double precision': 'float64', 'bigint': 'int64'}.get(name, name)) }}
{%- endmacro %}


{% macro databricks__type(name) -%}
{{ return({
    'timestamp': 'timestamp_ntz', 'text': 'string', 'double precision': 'double', 'json': 'string'
}.get(name, name)) }}
{%- endmacro %}


{# Its `text` ends after 256 letters. #}
{% macro redshift__type(name) -%}
{{ return({'text': 'varchar(65535)', 'json': 'super'}.get(name, name)) }}
{%- endmacro %}


{#
  The type of a loaded column, in the words that the other macros ask for: text, timestamp with time
  zone, timestamp without time zone, bigint; all others as the warehouse calls them.
#}
{% macro type_of(column) -%}
{{ return(adapter.dispatch('type_of', 'tap_dagctl')(column)) }}
{%- endmacro %}


{# dbt calls text of any length "character varying(256)". #}
{% macro default__type_of(column) -%}
{{ return('text' if column.is_string() else column.data_type | lower) }}
{%- endmacro %}


{% macro snowflake__type_of(column) -%}
{%- set names = {
    'timestamp_tz': 'timestamp with time zone',
    'timestamp_ltz': 'timestamp with time zone',
    'timestamp_ntz': 'timestamp without time zone',
    'number': 'bigint',
} -%}
{%- set name = column.dtype | lower -%}
{{ return('text' if column.is_string() else names.get(name, name)) }}
{%- endmacro %}


{% macro bigquery__type_of(column) -%}
{%- set names = {'string': 'text', 'int64': 'bigint'} -%}
{%- set name = column.dtype | lower -%}
{{ return(names.get(name, name)) }}
{%- endmacro %}


{% macro databricks__type_of(column) -%}
{%- set names = {
    'string': 'text',
    'timestamp': 'timestamp with time zone',
    'timestamp_ntz': 'timestamp without time zone',
} -%}
{%- set name = column.dtype | lower -%}
{{ return(names.get(name, name)) }}
{%- endmacro %}


{# The name of a column. Loaders write it in lower case, and Snowflake, as its custom is, in upper case. #}
{% macro quoted(name) -%}
{{ return(adapter.dispatch('quoted', 'tap_dagctl')(name)) }}
{%- endmacro %}


{% macro default__quoted(name) -%}
{{ return(adapter.quote(name)) }}
{%- endmacro %}


{% macro snowflake__quoted(name) -%}
{{ return(adapter.quote(name | upper)) }}
{%- endmacro %}


{# A loaded column in a type of staging.yml; null where the loader made no such column. #}
{% macro as_type(name, type, present) -%}
{%- set value = tap_dagctl.quoted(name) -%}
{%- if name not in present -%}
cast(null as {{ tap_dagctl.type(type) }})
{%- elif type == 'timestamp' and 'with time zone' in present[name] -%}
{{ tap_dagctl.zoned_in_utc(value) }}
{%- elif type == 'date' and 'with time zone' in present[name] -%}
cast({{ tap_dagctl.zoned_in_utc(value) }} as date)
{%- elif type == 'timestamp' and present[name] == 'text' -%}
{{ tap_dagctl.text_in_utc(value) }}
{%- elif type == 'json' and present[name] == 'text' -%}
{{ tap_dagctl.text_as_json(value) }}
{%- else -%}
cast({{ value }} as {{ tap_dagctl.type(type) }})
{%- endif -%}
{%- endmacro %}


{# A time with a zone, in UTC. #}
{% macro zoned_in_utc(time) -%}
{{ return(adapter.dispatch('zoned_in_utc', 'tap_dagctl')(time)) }}
{%- endmacro %}


{% macro default__zoned_in_utc(time) -%}
{{ time }} at time zone 'UTC'
{%- endmacro %}


{% macro snowflake__zoned_in_utc(time) -%}
cast(convert_timezone('UTC', {{ time }}) as timestamp_ntz)
{%- endmacro %}


{% macro bigquery__zoned_in_utc(time) -%}
cast({{ time }} as timestamp)
{%- endmacro %}


{% macro databricks__zoned_in_utc(time) -%}
convert_timezone(current_timezone(), 'UTC', cast({{ time }} as timestamp_ntz))
{%- endmacro %}


{# A time that is text, in UTC; without an offset it is in UTC already. #}
{% macro text_in_utc(text) -%}
{{ return(adapter.dispatch('text_in_utc', 'tap_dagctl')(text)) }}
{%- endmacro %}


{# PostgreSQL and DuckDB 2 would take no notice of an offset. #}
{% macro default__text_in_utc(text) -%}
cast(cast({{ tap_dagctl.with_offset(text) }} as timestamp with time zone) at time zone 'UTC' as timestamp)
{%- endmacro %}


{% macro snowflake__text_in_utc(text) -%}
{{ tap_dagctl.zoned_in_utc('to_timestamp_tz(' ~ tap_dagctl.with_offset(text) ~ ')') }}
{%- endmacro %}


{% macro bigquery__text_in_utc(text) -%}
cast({{ tap_dagctl.with_offset(text) }} as timestamp)
{%- endmacro %}


{% macro databricks__text_in_utc(text) -%}
{{ tap_dagctl.zoned_in_utc('cast(' ~ tap_dagctl.with_offset(text) ~ ' as timestamp)') }}
{%- endmacro %}


{% macro with_offset(text) -%}
{{ text }} || case
        when replace(replace(substr({{ text }}, 11), '-', '+'), 'Z', '+') like '%+%' then ''
        else 'Z'
    end
{%- endmacro %}


{# JSON that is text, as a loader stores it where a stream map made text of objects. #}
{% macro text_as_json(text) -%}
{{ return(adapter.dispatch('text_as_json', 'tap_dagctl')(text)) }}
{%- endmacro %}


{% macro default__text_as_json(text) -%}
cast({{ text }} as {{ tap_dagctl.type('json') }})
{%- endmacro %}


{% macro snowflake__text_as_json(text) -%}
parse_json({{ text }})
{%- endmacro %}


{% macro bigquery__text_as_json(text) -%}
parse_json({{ text }})
{%- endmacro %}


{% macro redshift__text_as_json(text) -%}
json_parse({{ text }})
{%- endmacro %}
