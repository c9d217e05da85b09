"""What dbt is told of the loaded tables and of the staging models over them, from the schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from singer_sdk import Stream

from scripts import everything
from scripts.everything import summary

# Types that DuckDB and PostgreSQL both know by these names.
_TYPES = {
    "date-time": "timestamp",
    "date": "date",
    "string": "text",
    "boolean": "boolean",
    "integer": "bigint",
    "number": "double precision",
    "object": "json",
}
_RUN = ["pending", "running", "success", "partial", "failed", "error"]
_ACCEPTED: dict[str, dict[str, list[str]]] = {
    "projects": {"project_type": ["sqlmesh", "dbt"]},
    "runs": {"status": _RUN, "job_type": ["plan", "run", "janitor"]},
    "model_executions": {"status": [*_RUN, "skipped", "blocked"]},
    "plans": {
        "status": ["pending", "running", "completed", "failed", "rejected", "cancelled"],
        "plan_type": ["explain", "execute"],
    },
}
# Beside the API's fields, in the streams whose rows are compared by it.
_LAST_SYNCED = {
    "name": "last_synced_at",
    "description": (
        "When the sync that last brought the row began, in UTC; null where the loader does not say."
    ),
    "data_type": "timestamp",
}
_WITH_LAST_SYNCED = {"projects", "jobs", "model_stats"}
_BELONGS_TO = {"project_id": "projects", "run_id": "runs"}
# How old the newest change may be: the schedules' own paces, with room for a quiet day.
_FRESH = {"runs": 24, "model_executions": 24}


def description() -> str:
    """Return the properties file of the sources and the staging models."""
    # What is offered only with `include_sensitive` is not staged.
    streams = everything.tap(include_sensitive=False).discover_streams()
    source = {
        "name": "dagctl",
        "description": "What tap-dagctl loaded, as the loader stored it.",
        "schema": (
            "{{ var('dagctl_schema') or env_var('TARGET_' ~ target.type | upper"
            " ~ '_DEFAULT_TARGET_SCHEMA', '') or 'dagctl' }}"
        ),
        "database": "{{ var('dagctl_database') or target.database }}",
        "tables": [_table(stream) for stream in streams],
    }
    document = {"sources": [source], "models": [_model(stream) for stream in streams]}
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return f"# Written by `make docs` from the tap's schemas.\n{text}"


def models() -> Iterator[tuple[str, str]]:
    """Yield the file of each stream's staging model, with the text to begin with."""
    for stream in everything.tap(include_sensitive=False).discover_streams():
        keys = ", ".join(f"'{key}'" for key in stream.primary_keys)
        yield (
            f"stg_dagctl__{stream.name}.sql",
            f"{{{{ tap_dagctl.staged(source('dagctl', '{stream.name}'), key=[{keys}]) }}}}\n",
        )


def _table(stream: Stream) -> dict[str, Any]:
    table: dict[str, Any] = {"name": stream.name, "description": f"{summary(stream)}."}
    if stream.name in _FRESH:
        age = {"count": _FRESH[stream.name], "period": "hour"}
        table["config"] = {"loaded_at_field": "updated_at", "freshness": {"warn_after": age}}
    return table


def _model(stream: Stream) -> dict[str, Any]:
    model: dict[str, Any] = {
        "name": f"stg_dagctl__{stream.name}",
        "description": f"{summary(stream)}: one row a key, times in UTC.",
    }
    if len(stream.primary_keys) > 1:
        together = {"columns": list(stream.primary_keys)}
        model["data_tests"] = [{"tap_dagctl.unique_together": {"arguments": together}}]
    model["columns"] = [
        _column(stream, name, field) for name, field in stream.schema["properties"].items()
    ]
    if stream.name in _WITH_LAST_SYNCED:
        model["columns"].append(dict(_LAST_SYNCED))
    return model


def _column(stream: Stream, name: str, field: dict[str, Any]) -> dict[str, Any]:
    kind = next(kind for kind in field["type"] if kind != "null")
    column = {
        "name": name,
        "description": field["description"],
        "data_type": _TYPES[field.get("format", kind)],
    }
    tests = list(_tests(stream, name))
    return {**column, "data_tests": tests} if tests else column


def _tests(stream: Stream, name: str) -> Iterator[Any]:
    if name in stream.primary_keys:
        yield "not_null"
        if len(stream.primary_keys) == 1:
            yield "unique"
    # The API may learn a word, and a run may be read before the model executions it started are:
    # worth a warning, and no reason to stop a schedule.
    warn = {"severity": "warn"}
    # Of `syncs` it is empty where a stream belongs to no project.
    if name in _BELONGS_TO and stream.name != "syncs":
        there = {"to": f"ref('stg_dagctl__{_BELONGS_TO[name]}')", "field": "id"}
        yield {"relationships": {"arguments": there, "config": warn}}
    values = _ACCEPTED.get(stream.name, {}).get(name)
    if values:
        yield {"accepted_values": {"arguments": {"values": values}, "config": warn}}
