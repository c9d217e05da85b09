-- A run names its job and not the job's id. So a job that was renamed looks like one that is gone and one
-- that is new.
with runs as (
    select
        runs.project_id,
        {{ tap_dagctl.job_name('runs') }} as job_name,
        runs.cronjob_name,
        runs.job_type,
        {{ tap_dagctl.moment_of('runs') }} as moment,
        row_number() over (
            partition by runs.project_id, {{ tap_dagctl.job_name('runs') }}
            order by {{ tap_dagctl.moment_of('runs') }} desc nulls last, runs.id desc
        ) as newest_first
    from {{ ref('stg_dagctl__runs') }} as runs
),

jobs as (
    select
        project_id,
        name,
        last_synced_at,
        max(last_synced_at) over (partition by project_id) as newest_of_project,
        max(last_synced_at) over () as newest
    from {{ ref('stg_dagctl__jobs') }}
),

-- A project's jobs come in one answer, so what is missing from the newest is gone: of one answer no row
-- is read a second after another, and of two syncs every row is. Where a project's newest is old, its jobs
-- are not known any more.
listed as (
    select distinct
        project_id,
        name as job_name
    from jobs
    where coalesce({{ tap_dagctl.seconds_between('last_synced_at', 'newest_of_project') }} <= 1, true)
        and {{ tap_dagctl.is_listed('newest_of_project', 'newest') }}
),

known as (
    select
        runs.project_id,
        runs.job_name,
        runs.moment as last_run_at,
        listed.job_name is not null as is_listed,
        -- Manual runs and the platform's own need not be of a job in the list.
        (
            nullif(runs.cronjob_name, '') is not null
            and coalesce(runs.job_type, 'run') = 'run'
            and runs.job_name <> 'unknown'
        ) as is_scheduled
    from runs
    left join listed
        on listed.project_id = runs.project_id
        and listed.job_name = runs.job_name
    where runs.newest_first = 1
)

select
    known.project_id,
    projects.project_name,
    known.job_name,
    known.last_run_at,
    -- Only where scheduled runs do bear the names of the list does a name that is not in it mean anything.
    (
        projects.is_gone
        or (
            known.is_scheduled
            and not known.is_listed
            and max(case when known.is_scheduled and known.is_listed then 1 else 0 end) over (
                partition by known.project_id
            ) = 1
        )
    ) as is_gone
from known
join {{ ref('known_projects') }} as projects on projects.project_id = known.project_id
