{#
  When the sync that last brought a row began, by the columns that loaders add. A loader of the SDK says
  it with one number for all rows of a sync; of the others, the time at which a row was read or stored is
  the nearest to it.
#}
{% macro last_synced_at(present) -%}
{%- set moments = tap_dagctl.moments_of_sync(present) -%}
{%- if moments -%}
coalesce({{ moments | join(', ') }}, cast(null as {{ tap_dagctl.type('timestamp') }}))
{%- else -%}
cast(null as {{ tap_dagctl.type('timestamp') }})
{%- endif -%}
{%- endmacro %}


{# The moments that there are, the best first; none where the loader adds nothing. #}
{% macro moments_of_sync(present) -%}
{%- set moments = [] -%}
{%- if present.get('_sdc_sync_started_at') in ('bigint', 'integer', 'numeric', 'hugeint') -%}
    {%- do moments.append(tap_dagctl.from_milliseconds('cast(_sdc_sync_started_at as bigint)')) -%}
{%- endif -%}
{%- for name in ('_sdc_extracted_at', '_sdc_received_at', '_sdc_batched_at') if name in present -%}
    {%- do moments.append(tap_dagctl.as_type(name, 'timestamp', present)) -%}
{%- endfor -%}
{{ return(moments) }}
{%- endmacro %}


{#
  Whether a row of a list that every sync sends whole was still in it: it came at most so many days
  before the newest row of that list did. Where the loader does not say when a row came, it was.
#}
{% macro is_listed(last_synced_at, newest) -%}
coalesce(
    {{ tap_dagctl.seconds_between(last_synced_at, newest) }}
        <= {{ tap_dagctl.number('dagctl_gone_after_days') }} * 86400,
    true
)
{%- endmacro %}


{# When the newest sync began that could list the projects. #}
{% macro newest_listing() -%}
select max(began_at) as began_at
    from {{ ref('stg_dagctl__syncs') }}
    where stream = 'projects'
        and error is null
{%- endmacro %}


{# The first of the days that count as now. #}
{% macro first_current_day() -%}
{{ tap_dagctl.first_of_last(tap_dagctl.whole_number('dagctl_current_days')) }}
{%- endmacro %}


{# The name of a run's job. #}
{% macro job_name(row) -%}
coalesce(nullif({{ row }}.job_name, ''), 'unknown')
{%- endmacro %}


{#
  How many days the windows are over that are read now, by project. Windows of another length stay from
  before `model_stats_window_days` was changed, and the longest of them end last; which of the two are
  read now is told by the sync that brought them.
#}
{% macro window_days() -%}
select
    project_id,
    days
from (
    select
        project_id,
        {{ tap_dagctl.days_between('start_date', 'end_date') }} + 1 as days,
        row_number() over (
            partition by project_id
            order by last_synced_at desc nulls last, start_date desc, end_date
        ) as newest_first
    from {{ ref('stg_dagctl__model_stats') }}
    where start_date <= cast({{ tap_dagctl.as_of() }} as date)
) as windows
where newest_first = 1
{%- endmacro %}
