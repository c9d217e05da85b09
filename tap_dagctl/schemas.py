"""The fields of each stream's records, in the order of the API page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

ADDITIONAL_PROPERTIES = "additional_properties"


def kinds_of(schema: Mapping[str, Any]) -> list[str]:
    """Return the types that `schema` allows, null left out."""
    kinds = schema.get("type", [])
    return [kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null"]


def _field(types: str, name: str, description: str, **more: str) -> tuple[str, dict[str, Any]]:
    return name, {"type": types.split(), **more, "description": description}


_key = partial(_field, "string")
_day = partial(_field, "string", format="date")
_text = partial(_field, "string null")
_time = partial(_field, "string null", format="date-time")
_integer = partial(_field, "integer null")
_seconds = partial(_field, "number null")
_flag = partial(_field, "boolean null")
# Without `properties: {}`, with which the SDK's type conformance would drop everything inside
# (singer_sdk/helpers/_typing.py, `_conform_record_data_types`).
_object = partial(_field, "object null")


def _schema(*fields: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    rest = _object(
        ADDITIONAL_PROPERTIES,
        "Fields the API sent that this schema does not name, and values that did not fit their "
        "field; null when there are none.",
    )
    return {
        "type": "object",
        "properties": {name: dict(field) for name, field in (*fields, rest)},
        "required": [name for name, field in fields if "null" not in field["type"]],
        "$schema": "https://json-schema.org/draft/2020-12/schema",
    }


_PROJECT_ID = _key("project_id", "The project this belongs to.")
_CREATED_AT = _time("created_at", "When it was created.")
_UPDATED_AT = _time("updated_at", "When it last changed.")

PROJECTS = _schema(
    _key("id", "The project's id (`proj_…`)."),
    _text("organization_id", "The organization the project belongs to."),
    _text("name", "The project's name."),
    _text("description", "What the project is, in its owner's words."),
    _text("project_type", "What runs it: `sqlmesh` or `dbt`."),
    _text("repository_url", "The Git repository it is deployed from."),
    _text("branch", "The Git branch it is deployed from."),
    _text("git_auth_method", "How dagctl signs in to the Git repository."),
    _text("sqlmesh_environment", "The SQLMesh environment its runs target."),
    _text("sqlmesh_version", "The SQLMesh version it runs on."),
    _flag("use_managed_state_database", "Whether dagctl hosts the SQLMesh state database."),
    _flag("auto_apply", "Whether new commits are applied without approval."),
    _flag("run_tests", "Whether tests run before a plan is applied."),
    _flag("deployed", "Whether the project is deployed."),
    _flag("suspended", "Whether its schedules are suspended."),
    _text("status", "The project's state."),
    _integer("commits_behind", "Commits on the branch that are not deployed yet."),
    _text("current_commit_sha", "The deployed commit."),
    _text("latest_commit_sha", "The newest commit on the branch."),
    _text("latest_commit_message", "The message of the newest commit on the branch."),
    _text("cpu_request", "CPU requested for its pods, in Kubernetes notation (`500m`)."),
    _text("cpu_limit", "Most CPU its pods may use, in Kubernetes notation."),
    _text("memory_request", "Memory requested for its pods, in Kubernetes notation (`1Gi`)."),
    _text("memory_limit", "Most memory its pods may use, in Kubernetes notation."),
    _text("concurrency_policy", "What happens when a run is due while another is going on."),
    _integer("successful_runs_history_limit", "How many successful runs are kept."),
    _integer("failed_runs_history_limit", "How many failed runs are kept."),
    _CREATED_AT,
    _UPDATED_AT,
)

_STATUS_OF_A_RUN = "`pending`, `running`, `success`, `partial`, `failed` or `error`"

RUNS = _schema(
    _key("id", "The run's id."),
    _PROJECT_ID,
    _text("job_name", "The job that ran."),
    _text("cronjob_name", "The schedule that started it; null on a manual run."),
    _text("job_type", "What it did: `plan`, `run` or `janitor`."),
    _text("status", f"How it stands: {_STATUS_OF_A_RUN}."),
    _time("start_time", "When it started."),
    _time("end_time", "When it ended; null while it runs."),
    _seconds("duration_seconds", "How long it ran, in seconds; null while it runs."),
    _text("triggered_by", "What started it, such as `scheduled`."),
    _text("error_message", "What went wrong; null without an error."),
    _text("pod_name", "The pod it ran in; null before it is scheduled."),
    _CREATED_AT,
    _UPDATED_AT,
)

MODEL_EXECUTIONS = _schema(
    _key("id", "The execution's id."),
    _PROJECT_ID,
    _text("run_id", "The run it belongs to."),
    _text("model_name", "The model that was executed."),
    _text(
        "status",
        f"How it stands: {_STATUS_OF_A_RUN}; `skipped` where another run had claimed the model, "
        "`blocked` where an upstream model failed.",
    ),
    _time("start_time", "When it started."),
    _time("end_time", "When it ended; null while it runs."),
    _seconds("duration_seconds", "How long it ran, in seconds; null while it runs."),
    _text("error_message", "What went wrong; null without an error."),
    _CREATED_AT,
    _UPDATED_AT,
)

_P95 = _seconds(
    "p95_duration_seconds",
    "95th percentile of the durations, in seconds; null where nothing was measured.",
)
_MAX = _seconds(
    "max_duration_seconds", "Longest duration, in seconds; null where nothing was measured."
)
_AVERAGE = _seconds(
    "avg_duration_seconds", "Mean duration, in seconds; null where nothing was measured."
)

DAILY_STATS = _schema(
    _PROJECT_ID,
    _day("date", "The day."),
    _integer("total_runs", "Runs of that day."),
    _integer("successful_runs", "Runs of that day that succeeded."),
    _integer("failed_runs", "Runs of that day that failed."),
    _integer("error_runs", "Runs of that day that ended in an error of the platform."),
    _AVERAGE,
    _P95,
    _MAX,
)

MODEL_STATS = _schema(
    _PROJECT_ID,
    _key("model_name", "The model."),
    _day("start_date", "First day of the window the statistics are over."),
    _day("end_date", "Last day of the window; in the future while the window is open."),
    _integer("total_executions", "Executions in the window."),
    _integer("successful_executions", "Executions in the window that succeeded."),
    _integer("failed_executions", "Executions in the window that failed."),
    _AVERAGE,
    _P95,
    _MAX,
)

JOBS = _schema(
    _key("id", "The job's id (`job_…`)."),
    _PROJECT_ID,
    _text("name", "The job's name."),
    _text("description", "What the job is for, in its owner's words."),
    _text("command", "What it runs."),
    _text("schedule", "When it runs, as a cron expression."),
    _flag("enabled", "Whether its schedule is on."),
    _object("resources", "CPU and memory for its pods, in Kubernetes notation."),
    _object("environment", "Environment variables of its pods, which may hold secrets."),
    _text("slack_channel", "The Slack channel it tells of failures."),
    _flag("slack_alerts_enabled", "Whether it tells Slack at all."),
    _flag("slack_alert_on_success", "Whether it tells Slack of successes, too."),
    _flag("webhook_enabled", "Whether a webhook can start it."),
    _CREATED_AT,
    _UPDATED_AT,
)

PLANS = _schema(
    _key("id", "The plan's id (`plan_…`)."),
    _text(
        "plan_id", "The group of plans it belongs to: what was explained, and what was executed."
    ),
    _text("plan_type", "`explain` shows what would change, `execute` changes it."),
    _PROJECT_ID,
    _text("from_commit_sha", "The commit that was deployed."),
    _text("to_commit_sha", "The commit to deploy."),
    _text("commit_message", "The message of the commit to deploy."),
    _integer("commits_behind", "Commits between the two."),
    _text(
        "status",
        "How it stands: `pending`, `running`, `completed`, `failed`, `rejected` or `cancelled`.",
    ),
    _text("triggered_by", "What started it."),
    _object("plan_output", "What would change or has changed, as the tool that ran it says."),
    _CREATED_AT,
    _UPDATED_AT,
)

_ORGANIZATION_ID = _text("organization_id", "The organization it belongs to.")

ENVIRONMENT_PROTECTIONS = _schema(
    _key("id", "The protection's id (`ep_…`)."),
    _ORGANIZATION_ID,
    _text("environment_name", "The environment that is protected."),
    _flag("enabled", "Whether the protection is on."),
    _text("created_by", "Who made it."),
    _CREATED_AT,
    _UPDATED_AT,
)

ENVIRONMENT_VARIABLES = _schema(
    _key("name", "The variable's name."),
    _flag("is_sensitive", "Whether dagctl hides its value, too."),
    _flag("mount_as_file", "Whether pods get it as a file."),
    _text("file_mount_path", "Where pods find that file."),
    _integer("file_permissions", "The file's permissions as a decimal number: 384 is 0600."),
    _CREATED_AT,
    _UPDATED_AT,
)

MEMBERS = _schema(
    _key("id", "The member's id."),
    _ORGANIZATION_ID,
    _text("email", "The member's e-mail address."),
    _text("name", "The member's name."),
    _text("picture", "Address of the member's picture."),
    _text("role", "What the member may do: `owner`, `admin`, `developer` or `reader`."),
    _CREATED_AT,
    _UPDATED_AT,
    _time("last_login_at", "When the member last signed in."),
)

INVITATIONS = _schema(
    _key("id", "The invitation's id."),
    _ORGANIZATION_ID,
    _text("email", "The e-mail address that was invited."),
    _text("role", "What the invited will be allowed to do."),
    _CREATED_AT,
    _UPDATED_AT,
)

SYNCS = _schema(
    _key("sync_id", "The sync, the same in all of its rows."),
    _key("stream", "The stream that was read."),
    _key("project_id", "The project it was read of; empty where it belongs to none."),
    _time("began_at", "When reading it began, by the clock of the machine that ran the tap."),
    _time("ended_at", "When reading it ended."),
    _integer("rows_read", "Rows in the answers, those included that had been sent before."),
    _integer("rows_sent", "Records that went to the target."),
    _integer("requests", "Requests that were sent for it; each try counts."),
    _seconds(
        "seconds",
        "How long it took, in seconds; of `projects` without the streams that are read meanwhile.",
    ),
    _text("error", "Why it was not read to its end; null if it was."),
    _text("bookmark", "Its bookmark afterwards; null where it has none."),
)
