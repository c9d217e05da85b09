with numbered as (
    select
        project_id,
        stream,
        began_at,
        ended_at,
        error,
        row_number() over (
            partition by project_id, stream
            order by began_at desc, sync_id desc
        ) as newest_first
    from {{ ref('stg_dagctl__syncs') }}
),

tries as (
    select
        *,
        min(case when error is null then newest_first end) over (
            partition by project_id, stream
        ) as last_good
    from numbered
),

unread as (
    select
        project_id,
        stream,
        max(began_at) as tried_at,
        max(case when newest_first = 1 then error end) as error,
        min(case when newest_first < last_good or last_good is null then began_at end) as failing_since,
        max(case when newest_first = last_good then ended_at end) as last_read_at
    from tries
    where last_good > 1
        or last_good is null
    group by project_id, stream
),

listing as (
    {{ tap_dagctl.newest_listing() }}
)

select
    unread.project_id,
    case
        when unread.project_id = '' then 'the organization'
        else projects.project_name
    end as project_name,
    unread.stream,
    unread.error,
    unread.failing_since,
    unread.last_read_at
from unread
cross join listing
left join {{ ref('known_projects') }} as projects on projects.project_id = unread.project_id
-- What is not read any more cannot fail any more.
where {{ tap_dagctl.is_listed('unread.tried_at', 'listing.began_at') }}
    and not coalesce(projects.is_gone, false)
order by unread.failing_since, unread.project_id, unread.stream
