select
    projects.id as project_id,
    projects.name as project_name,
    {{ tap_dagctl.sla_seconds('projects.id', 'projects.name') }} as sla_seconds
from {{ ref('stg_dagctl__projects') }} as projects
