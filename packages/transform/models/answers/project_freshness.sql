with streams as (
    select
        project_id,
        stream,
        max(began_at) as tried_at,
        max(case when error is null then ended_at end) as read_at
    from {{ ref('stg_dagctl__syncs') }}
    group by project_id, stream
),

listing as (
    {{ tap_dagctl.newest_listing() }}
),

reads as (
    select
        streams.project_id,
        -- Nothing is known of the whole where a stream has never been read.
        case when count(streams.read_at) = count(*) then min(streams.read_at) end as read_at
    from streams
    cross join listing
    where {{ tap_dagctl.is_listed('streams.tried_at', 'listing.began_at') }}
    group by streams.project_id
),

changes as (
    select
        project_id,
        max(updated_at) as newest_change_at
    from {{ ref('stg_dagctl__runs') }}
    group by project_id
),

failing as (
    select distinct project_id from {{ ref('unread_streams') }}
)

select
    projects.project_id,
    projects.project_name,
    reads.read_at,
    changes.newest_change_at,
    failing.project_id is not null as is_failing
from {{ ref('known_projects') }} as projects
left join reads on reads.project_id = projects.project_id
left join changes on changes.project_id = projects.project_id
left join failing on failing.project_id = projects.project_id
where not projects.is_gone
