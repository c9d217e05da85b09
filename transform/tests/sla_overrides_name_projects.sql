-- A threshold for a project that is not there is a misspelt name: the default would be used instead.
{{ config(severity='warn') }}

select name
from (
    select cast(null as text) as name where 1 = 0
    {%- for name in tap_dagctl.sla_overrides() %}
    union all
    select '{{ dbt.escape_single_quotes(name | string) }}'
    {%- endfor %}
) as named
where not exists (
    select 1
    from {{ ref('known_projects') }} as projects
    where named.name in (projects.project_id, projects.own_name)
)
