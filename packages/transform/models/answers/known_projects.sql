-- Every project that any row names: `projects` may not have been loaded, or not for all of them.
with named as (
    select distinct project_id
    from (
        select id as project_id from {{ ref('stg_dagctl__projects') }}
        {%- for table in ('runs', 'model_executions', 'daily_stats', 'model_stats', 'jobs') %}
        union all
        select project_id from {{ ref('stg_dagctl__' ~ table) }}
        where project_id is not null
        {%- endfor %}
        union all
        -- Of a stream that belongs to no project it is empty.
        select project_id from {{ ref('stg_dagctl__syncs') }}
        where project_id <> ''
    ) as everywhere
),

newest as (
    select max(last_synced_at) as last_synced_at from {{ ref('stg_dagctl__projects') }}
),

known as (
    select
        named.project_id,
        nullif(trim(projects.name), '') as own_name,
        projects.last_synced_at,
        not {{ tap_dagctl.is_listed('projects.last_synced_at', 'newest.last_synced_at') }} as is_gone
    from named
    left join {{ ref('stg_dagctl__projects') }} as projects on projects.id = named.project_id
    cross join newest
),

counted as (
    select
        known.*,
        count(*) over (partition by known.own_name) as of_this_name,
        count(*) over (partition by known.own_name, known.is_gone) as of_this_name_now
    from known
)

select
    counted.project_id,
    case
        when counted.own_name is null then counted.project_id
        -- Nobody else is called that, or only a project that is gone.
        when namesakes.project_id is null
            and (
                counted.of_this_name = 1
                or (counted.of_this_name_now = 1 and not counted.is_gone)
            )
            then counted.own_name
        else counted.own_name || ' (' || counted.project_id || ')'
    end as project_name,
    counted.own_name,
    counted.last_synced_at,
    counted.is_gone
from counted
left join named as namesakes
    on namesakes.project_id = counted.own_name
    and namesakes.project_id <> counted.project_id
