-- A threshold for a project that is not there is a misspelt name: the default would be used instead.
{{ config(severity='warn') }}

select named.name
from (
    select cast(null as {{ tap_dagctl.type('text') }}) as name
    {%- for name in tap_dagctl.sla_overrides() %}
    union all
    select '{{ dbt.escape_single_quotes(name | string) }}'
    {%- endfor %}
) as named
left join (
    select project_id as name from {{ ref('known_projects') }}
    union all
    select own_name from {{ ref('known_projects') }}
) as known on known.name = named.name
where named.name is not null
    and known.name is null
