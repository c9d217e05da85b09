"""What docs/streams.md has of each stream: its key, its fields, and a query to begin with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scripts import everything
from scripts.everything import replication, summary
from tap_dagctl.singer.stream import PagewiseStream

QUERIES = {
    "projects": """-- Projects that are suspended, or behind their branch.
select name, suspended, commits_behind, updated_at
from dagctl.projects
where suspended or commits_behind > 0""",
    "runs": """-- How reliable is each job?
select job_name, count(*) as runs,
    avg(case when status = 'success' then 1.0 else 0.0 end) as success_rate,
    max(duration_seconds) as longest
from dagctl.runs
group by job_name
order by success_rate""",
    "model_executions": """-- Which models took the most time?
select model_name, count(*) as executions, sum(duration_seconds) as seconds
from dagctl.model_executions
group by model_name
order by seconds desc
limit 20""",
    "daily_stats": """-- Days with a p95 above half an hour.
select projects.name, daily_stats.date, p95_duration_seconds, total_runs
from dagctl.daily_stats
join dagctl.projects on projects.id = daily_stats.project_id
where p95_duration_seconds > 1800
order by daily_stats.date desc""",
    "model_stats": """-- Models whose p95 rose by more than a fifth from one window to the next.
select now.model_name, before.p95_duration_seconds as before_seconds,
    now.p95_duration_seconds as now_seconds, now.start_date
from dagctl.model_stats as now
join dagctl.model_stats as before
    on before.project_id = now.project_id
    and before.model_name = now.model_name
    and before.start_date = (
        select max(earlier.start_date) from dagctl.model_stats as earlier
        where earlier.project_id = now.project_id and earlier.start_date < now.start_date
    )
where now.p95_duration_seconds > 1.2 * before.p95_duration_seconds""",
    "jobs": """-- Enabled jobs without Slack alerts.
select projects.name as project, jobs.name as job, schedule
from dagctl.jobs
join dagctl.projects on projects.id = jobs.project_id
where enabled and not slack_alerts_enabled""",
    "plans": """-- Plans waiting for approval.
select project_id, commit_message, to_commit_sha, created_at
from dagctl.plans
where plan_type = 'explain' and status = 'pending'
order by created_at""",
    "environment_protections": """-- Which environments are protected?
select environment_name, enabled, updated_at
from dagctl.environment_protections""",
    "members": """-- Who has never signed in?
select email, role, created_at
from dagctl.members
where last_login_at is null""",
    "invitations": """-- Invitations, the oldest first.
select email, role, created_at
from dagctl.invitations
order by created_at""",
    "environment_variables": """-- Variables whose value dagctl shows to whoever may list them.
select name, mount_as_file, updated_at
from dagctl.environment_variables
where not is_sensitive""",
    "syncs": """-- Streams that could not be read, and when that was last tried.
select project_id, stream, error, max(ended_at) as last_tried_at
from dagctl.syncs
where error is not null
group by project_id, stream, error
order by last_tried_at desc""",
}


def lines() -> Iterator[str]:
    """Yield the lines of one section for each stream."""
    for stream in everything.streams():
        yield from _section(stream)


def _section(stream: PagewiseStream) -> Iterator[str]:
    keys = ", ".join(f"`{key}`" for key in stream.primary_keys)
    path = getattr(stream, "path", None)
    source = f"`GET {path}`" if path else "the tap itself, at the end of each sync"
    yield f"### {stream.name}"
    yield ""
    yield f"{summary(stream)}."
    yield f"Key: {keys}. Replication: {replication(stream)}. Source: {source}."
    yield ""
    yield "| field | type | meaning |"
    yield "|---|---|---|"
    for name, field in stream.schema["properties"].items():
        if name != "additional_properties":
            only = " Only with `include_sensitive`." if name in stream.sensitive_fields else ""
            yield f"| `{name}` | {_type(field)} | {field['description']}{only} |"
    yield ""
    if query := QUERIES.get(stream.name):
        yield f"```sql\n{query}\n```"
        yield ""


def _type(field: dict[str, Any]) -> str:
    kind = next(kind for kind in field["type"] if kind != "null")
    text = field.get("format", kind)
    return text if "null" in field["type"] else f"{text}, never null"
