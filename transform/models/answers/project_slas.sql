{%- set default = var('dagctl_sla_seconds') -%}
{%- set overrides = var('dagctl_sla_seconds_by_project') -%}
{%- for name, seconds in dict(overrides, default=default).items() if seconds is not number -%}
    {%- do exceptions.raise_compiler_error(
        'dagctl_sla_seconds must be a number of seconds, for every project: ' ~ name ~ ' has ' ~ seconds
    ) -%}
{%- endfor -%}

select
    projects.id as project_id,
    projects.name as project_name,
    cast(
        {%- if overrides %}
        case
            {%- for column in ('id', 'name') %}{% for name, seconds in overrides.items() %}
            when projects.{{ column }} = '{{ dbt.escape_single_quotes(name | string) }}' then {{ seconds }}
            {%- endfor %}{% endfor %}
            else {{ default }}
        end
        {%- else %} {{ default }}
        {%- endif %} as double precision
    ) as sla_seconds
from {{ ref('stg_dagctl__projects') }} as projects
