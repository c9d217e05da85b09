{#
  Refuses a table that holds local time. A PostgreSQL whose time zone is not UTC stores what a loader
  sends in that zone, and the hour that autumn has twice cannot be told apart afterwards.

  Most loaders stamp every row with one moment twice: as a number that knows no zone, and as a time that
  was stored like all the others. Where the two differ, the row's times are local.
#}
{% macro refuse_local_time(loaded, present) %}
{%- do adapter.dispatch('refuse_local_time', 'tap_dagctl')(loaded, present) -%}
{% endmacro %}


{% macro default__refuse_local_time(loaded, present) %}
{% endmacro %}


{# It is a PostgreSQL to dbt, but has no time zones of servers and roles. #}
{% macro redshift__refuse_local_time(loaded, present) %}
{% endmacro %}


{% macro postgres__refuse_local_time(loaded, present) %}
{%- set naive = 'timestamp without time zone' -%}
{%- set times = [] -%}
{%- for name, type in present.items() if type == naive and not name.startswith('_sdc_') -%}
    {%- do times.append(adapter.quote(name)) -%}
{%- endfor -%}
{%- if times -%}
    {%- set stamped = present.get('_sdc_received_at') == naive
        and present.get('_sdc_sequence') in ('bigint', 'integer', 'numeric') -%}
    {%- set zone = tap_dagctl.zone_of(loaded) -%}
    {%- set found = run_query(tap_dagctl.rows_in_local_time(loaded, times, stamped, zone)).rows[0] -%}
    {%- set table = loaded.include(database=false) -%}
    {%- if found['in_local_time'] -%}
        {%- do exceptions.raise_compiler_error(
            table ~ ': the times of ' ~ found['in_local_time'] ~ ' rows are local time, not UTC. Set '
            ~ 'PGTZ=UTC for the loader, `drop table ' ~ table ~ ' cascade`, and load everything again '
            ~ '(meltano run --full-refresh …)'
        ) -%}
    {%- elif found['not_known'] -%}
        {%- do exceptions.warn(
            table ~ ': the time zone here is ' ~ zone ~ ', and nothing in ' ~ found['not_known']
            ~ ' rows tells whether their times are UTC. If they were loaded without PGTZ=UTC, load '
            ~ 'them again with it'
        ) -%}
    {%- endif -%}
{%- endif -%}
{% endmacro %}


{#
  The time zone that the loader meets where nobody tells it another. The loader may have a role of its
  own, which owns the table; what dbt's own session has may be somebody's PGTZ.
#}
{% macro zone_of(loaded) %}
{%- set table = dbt.escape_single_quotes(loaded.include(database=false) | string) -%}
{%- set query -%}
select coalesce(
    (
        select substr(setting, length('timezone=') + 1)
        from pg_db_role_setting, unnest(setconfig) as setting
        where lower(setting) like 'timezone=%'
            and setdatabase in (0, (select oid from pg_database where datname = current_database()))
            and setrole in (0, (select relowner from pg_class where oid = '{{ table }}'::regclass))
        -- The role in this database, the role, the database: so PostgreSQL itself decides.
        order by setrole > 0 desc, setdatabase > 0 desc
        limit 1
    ),
    (select reset_val from pg_settings where name = 'TimeZone')
) as zone
{%- endset -%}
{{ return(run_query(query).rows[0]['zone']) }}
{% endmacro %}


{#
  How many rows are in local time, and of how many it is not known: those without the stamps, and those
  stamped while the zone kept UTC's own time, as London does in winter. A row whose times are the same in
  the zone and in UTC is right either way.
#}
{% macro rows_in_local_time(loaded, times, stamped, zone) %}
{#- `at time zone` takes this name for an abbreviation, which is UTC all year; the zone has a summer. -#}
{%- set zone = 'Portugal' if zone | upper == 'WET' else zone -%}
{%- set zone = "'" ~ dbt.escape_single_quotes(zone) ~ "'" -%}
with stamped as (
    select
        {%- if stamped %}
        abs(extract(epoch from _sdc_received_at) - _sdc_sequence / 1000.0) as seconds_apart,
        {{ tap_dagctl.is_same_in('_sdc_received_at', zone) }} as is_blind,
        {%- else %}
        cast(null as numeric) as seconds_apart,
        true as is_blind,
        {%- endif %}
        -- What is stored may be hours off, and then the zone may just have moved its clocks: two moments
        -- around it are looked at.
        {% for time in times -%}
        {{ tap_dagctl.is_same_in(time ~ " - interval '1 day'", zone) }}
        and {{ tap_dagctl.is_same_in(time ~ " + interval '1 day'", zone) }}
        {%- if not loop.last %} and {% endif -%}
        {%- endfor %} as is_same
    from {{ loaded }}
)

select
    -- Zones are whole quarter hours apart from UTC, and none is 15 hours away.
    count(case when seconds_apart between 600 and 54000 then 1 end) as in_local_time,
    count(
        case when (is_blind or coalesce(seconds_apart > 54000, true)) and not is_same then 1 end
    ) as not_known
from stamped
{% endmacro %}


{# Whether a time is the same in the zone and in UTC. #}
{% macro is_same_in(time, zone) -%}
coalesce(({{ time }}) at time zone 'UTC' at time zone {{ zone }} = {{ time }}, true)
{%- endmacro %}
