"""One page a stream: what it is, its fields, a record, and a query to begin with."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from singer_sdk.singerlib.encoding.simple import RecordMessage
from typing_extensions import override

from scripts import everything
from scripts.tables import replication
from stand_in.history import History
from stand_in.server import serving
from stand_in.world import World
from tap_dagctl.records.builder import as_dict
from tap_dagctl.singer.writer import Writer
from tap_dagctl.tap import TapDagctl
from tests.support.syncs import config_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from singer_sdk.singerlib.encoding.simple import Message

    from tap_dagctl.records.builder import Record
    from tap_dagctl.singer.stream import PagewiseStream

QUERIES = {
    "projects": """-- Projects whose schedules rest, or that lag behind their branch.
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
    "model_executions": """-- The models that took the most time.
select model_name, count(*) as executions, sum(duration_seconds) as seconds
from dagctl.model_executions
group by model_name
order by seconds desc
limit 20""",
    "daily_stats": """-- Days that broke an SLA of half an hour.
select projects.name, daily_stats.date, p95_duration_seconds, total_runs
from dagctl.daily_stats
join dagctl.projects on projects.id = daily_stats.project_id
where p95_duration_seconds > 1800
order by daily_stats.date desc""",
    "model_stats": """-- Models that became slower by more than a fifth from one window to the next.
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
    "jobs": """-- Jobs that are on and tell nobody when they fail.
select projects.name as project, jobs.name as job, schedule
from dagctl.jobs
join dagctl.projects on projects.id = jobs.project_id
where enabled and not slack_alerts_enabled""",
    "plans": """-- Plans that wait for somebody to approve them.
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
    "invitations": """-- Invitations nobody has taken up.
select email, role, created_at
from dagctl.invitations
order by created_at""",
    "syncs": """-- What could not be read, and when that was last tried.
select project_id, stream, error, max(ended_at) as last_tried_at
from dagctl.syncs
where error is not null
group by project_id, stream, error
order by last_tried_at desc""",
}
# What differs in each sync.
_SYNCS = {
    "sync_id": "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    "began_at": "2026-03-04T12:00:00.000000Z",
    "ended_at": "2026-03-04T12:00:02.250000Z",
    "seconds": 0.25,
}
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=timezone.utc)


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name of each stream, and its page."""
    samples = _samples()
    for stream in everything.streams():
        yield stream.name, "\n".join(_page(stream, samples[stream.name]))


def _page(stream: PagewiseStream, sample: dict[str, Any]) -> Iterator[str]:
    yield f"# {stream.name}"
    yield ""
    yield (stream.__doc__ or "").splitlines()[0]
    yield ""
    keys = ", ".join(f"`{key}`" for key in stream.primary_keys)
    yield f"- Key: {keys}"
    yield f"- Replication: {replication(stream)}"
    if path := getattr(stream, "path", None):
        yield f"- Read from `GET {path}`"
    else:
        yield "- Made by the tap at the end of each sync, also if that fails or is stopped"
    if stream.is_sensitive:
        yield "- Only with `include_sensitive`: personal or security data"
    yield ""
    yield "| field | type | meaning |"
    yield "|---|---|---|"
    for name, field in stream.schema["properties"].items():
        only = " Only with `include_sensitive`." if name in stream.sensitive_fields else ""
        yield f"| `{name}` | {_type(field)} | {field['description']}{only} |"
    yield ""
    yield "A record, as it leaves the tap:"
    yield ""
    yield f"```json\n{json.dumps(sample, indent=2)}\n```"
    yield ""
    yield "A query to begin with:"
    yield ""
    yield f"```sql\n{QUERIES[stream.name]}\n```"
    yield ""


def _type(field: dict[str, Any]) -> str:
    kind = next(kind for kind in field["type"] if kind != "null")
    text = field.get("format", kind)
    return text if "null" in field["type"] else f"{text}, never null"


class _First(Writer):
    """Keeps the first record of each stream."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[str, dict[str, Any]] = {}

    @override
    def write_message(self, message: Message) -> None:
        if isinstance(message, RecordMessage):
            self.records.setdefault(message.stream, message.record)

    @override
    def write_records(self, stream: str, records: Sequence[Record], version: int | None) -> None:
        for record in records[:1]:
            self.records.setdefault(stream, as_dict(record))


def _samples() -> dict[str, dict[str, Any]]:
    first = _First()
    with serving(History(World(now=NOW), days=14).world) as api:
        tap = TapDagctl(config=config_of(api, include_sensitive=True), message_writer=first)
        tap.streams["syncs"].selected = True
        tap.sync_all()
    first.records["syncs"] |= _SYNCS
    return first.records
