-- A threshold for a project that is not there is a misspelt name: the default would be used instead.
{{ config(severity='warn') }}

with named as (
    select cast(null as {{ tap_dagctl.type('text') }}) as name
    {%- for name in tap_dagctl.sla_overrides() %}
    union all
    select '{{ dbt.escape_single_quotes(name | string) }}'
    {%- endfor %}
),

known as (
    select project_id as name from {{ ref('known_projects') }}
    union all
    select own_name from {{ ref('known_projects') }}
)

select named.name
from named
left join known on known.name = named.name
where named.name is not null
    and known.name is null
