"""What every table must hold, straight from the API's rows: of the tap, only keys are asked."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from stand_in import statistics
from stand_in.world import EXECUTIONS, JOBS, PLANS, RUNS, Row, from_text
from tap_dagctl.streams import STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stand_in.world import World

Table = dict[tuple[Any, ...], Row]
TIMES = {"created_at", "updated_at", "start_time", "end_time", "last_login_at"}
KEYS = {
    "projects": ("id",),
    "runs": ("id",),
    "model_executions": ("id",),
    "daily_stats": ("project_id", "date"),
    "model_stats": ("project_id", "model_name", "start_date", "end_date"),
    "jobs": ("id",),
    "plans": ("id",),
}
KEYS_OF_SENSITIVE = {it.name: tuple(it.primary_keys) for it in STREAMS if it.is_sensitive}
OBJECTS = {"resources", "environment", "plan_output", "additional_properties"}
FIRST_MONDAY = date(1970, 1, 5)
WINDOW_DAYS = 7


def tables(world: World, first_day: date) -> dict[str, Table]:
    """Return what a warehouse holds that was first loaded on or before `first_day` + 30 days."""
    return {
        name: {tuple(row[key] for key in KEYS[name]): plain(row) for row in rows}
        for name, rows in (
            ("projects", [project.row for project in world.projects.values()]),
            ("runs", _of_projects(world, RUNS)),
            ("model_executions", _of_projects(world, EXECUTIONS)),
            ("jobs", [_without_environment(row) for row in _of_projects(world, JOBS)]),
            ("plans", _of_projects(world, PLANS)),
            ("daily_stats", list(_daily(world, first_day))),
            ("model_stats", list(_by_model(world, first_day))),
        )
    }


def _of_projects(world: World, table: str) -> list[Row]:
    return [row for key in world.projects for row in world.rows(table, key)]


def _without_environment(job: Row) -> Row:
    """Leave out what is offered only with `include_sensitive`."""
    return {name: value for name, value in job.items() if name != "environment"}


def _daily(world: World, first: date) -> Iterator[Row]:
    days = (world.now.date() - first).days + 1
    for key in world.projects:
        for row in statistics.daily(world, key, days):
            yield {"project_id": key, **row}


def _by_model(world: World, first: date) -> Iterator[Row]:
    start = first - timedelta(days=(first - FIRST_MONDAY).days % WINDOW_DAYS)
    while start <= world.now.date():
        end = start + timedelta(days=WINDOW_DAYS - 1)
        for key in world.projects:
            for row in statistics.by_model(world, key, start, end):
                window = {"start_date": start.isoformat(), "end_date": end.isoformat()}
                yield {"project_id": key, **window, **row}
        start += timedelta(days=WINDOW_DAYS)


def plain(row: Row) -> Row:
    """Times as UTC moments without an offset; what is null is not there, as in the API."""
    plain = {}
    for name, value in row.items():
        if value is None:
            continue
        if name in TIMES:
            moment = from_text(value)
            plain[name] = (moment - (moment.utcoffset() or timedelta())).replace(tzinfo=None)
        else:
            plain[name] = value
    return plain


def in_messages(records: Iterable[tuple[str, Row]]) -> dict[str, Table]:
    """Return what a loader that upserts holds after these records, as `tables` writes it."""
    found: dict[str, Table] = {}
    for name, record in records:
        row = {field: value for field, value in record.items() if value is not None}
        for field in TIMES & row.keys():
            # Every timestamp leaves the tap in this one form.
            row[field] = datetime.strptime(row[field], "%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: DTZ007
        found.setdefault(name, {})[tuple(row[key] for key in (KEYS | KEYS_OF_SENSITIVE)[name])] = (
            row
        )
    return found


def difference(name: str, found: Table, expected: Table) -> list[str]:
    """Return what is wrong with a table, a line for each field or row."""
    lines = [f"{name}: {key} is missing" for key in expected.keys() - found.keys()]
    lines += [f"{name}: {key} is too many" for key in found.keys() - expected.keys()]
    for key in expected.keys() & found.keys():
        have, want = found[key], expected[key]
        lines += [
            f"{name}: {key}: {column} is {have.get(column)!r}, not {want.get(column)!r}"
            for column in sorted(have.keys() | want.keys())
            if have.get(column) != want.get(column)
        ]
    return lines
