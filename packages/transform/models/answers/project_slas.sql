{{- tap_dagctl.warn_of_unknown_projects(ref('known_projects')) -}}
select
    projects.project_id,
    projects.project_name,
    {{ tap_dagctl.sla_seconds('projects.project_id', 'projects.own_name') }} as sla_seconds
from {{ ref('known_projects') }} as projects
