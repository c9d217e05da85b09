"""What every table must hold, straight from the API's rows: of the tap, only keys are asked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from stand_in import statistics
from stand_in.world import Row, World, from_text
from tap_dagctl.streams import BY_NAME, STREAMS

Table = dict[tuple[Any, ...], Row]
TIMES = {"created_at", "updated_at", "start_time", "end_time", "last_login_at"}
KEYS = {
    it.name: tuple(it.primary_keys)
    for it in STREAMS
    if not it.is_sensitive and it.selected_by_default
}
OBJECTS = {"resources", "environment", "plan_output", "additional_properties"}
FIRST_MONDAY = date(1970, 1, 5)
WINDOW_DAYS = 7


def tables(world: World, first_day: date) -> dict[str, Table]:
    """Return what a warehouse holds that was first loaded on or before `first_day` + 30 days."""
    rows: dict[str, Iterable[Row]] = {
        "projects": [project.row for project in world.projects.values()],
        "daily_stats": _daily(world, first_day),
        "model_stats": _by_model(world, first_day),
    }
    for name in KEYS.keys() - rows.keys():
        stream: Any = BY_NAME[name]
        rows[name] = [
            {field: row[field] for field in row if field not in stream.sensitive_fields}
            for key in world.projects
            for row in world.rows(stream.rows_key, key)
        ]
    return {
        name: {tuple(row[key] for key in keys): plain(row) for row in rows[name]}
        for name, keys in KEYS.items()
    }


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
    plain = {name: value for name, value in row.items() if value is not None}
    for name in TIMES & plain.keys():
        moment = from_text(plain[name])
        plain[name] = (moment - (moment.utcoffset() or timedelta())).replace(tzinfo=None)
    return plain


def as_read(row: Row) -> Row:
    """Return a row of a store as the API writes it, without what is null or a loader has added.

    A day is text, a moment is UTC without an offset, a number a number.
    """
    return {
        name: _value(name, value)
        for name, value in row.items()
        if value is not None
        and name != "last_synced_at"
        and not name.startswith(("_sdc_", "__loaded"))
    }


def _value(name: str, value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    with suppress(ValueError):
        if isinstance(value, str) and name in OBJECTS:
            return json.loads(value)
        if isinstance(value, str) and name in TIMES:
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).replace(tzinfo=None) if value.tzinfo else value
    return value.isoformat() if hasattr(value, "isoformat") else value


def in_messages(records: Iterable[tuple[str, Row]]) -> dict[str, Table]:
    """Return what a loader that upserts holds after these records, as `tables` writes it."""
    found: dict[str, Table] = {}
    for name, record in records:
        row = {field: value for field, value in record.items() if value is not None}
        for field in TIMES & row.keys():
            # Every timestamp leaves the tap in this one form.
            row[field] = datetime.strptime(row[field], "%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: DTZ007
        key = tuple(row[key] for key in BY_NAME[name].primary_keys)
        found.setdefault(name, {})[key] = row
    return found


def differences(found: dict[str, Table], expected: dict[str, Table]) -> list[str]:
    """Return what is wrong with each of the expected tables."""
    return [line for name, rows in expected.items() for line in difference(name, found[name], rows)]


def difference(name: str, found: Table, expected: Table) -> list[str]:
    """Return what is wrong with a table, a line for each field or row."""
    lines = [f"{name}: no row of {key}" for key in expected.keys() - found.keys()]
    lines += [f"{name}: a row too many of {key}" for key in found.keys() - expected.keys()]
    for key in expected.keys() & found.keys():
        have, want = found[key], expected[key]
        lines += [
            f"{name}.{column} of {key} is {have.get(column)!r}, not {want.get(column)!r}"
            for column in sorted(have.keys() | want.keys())
            if not same(have.get(column), want.get(column))
        ]
    return lines


def same(have: Any, want: Any) -> bool:
    """Return whether both are the same in JSON, where true is no number, but 2.0 is 2."""
    if isinstance(have, bool) or isinstance(want, bool):
        return have is want
    if isinstance(have, dict) and isinstance(want, dict):
        return have.keys() == want.keys() and all(same(have[name], want[name]) for name in want)
    if isinstance(have, list) and isinstance(want, list):
        return len(have) == len(want) and all(map(same, have, want))
    if isinstance(want, float) and isinstance(have, int):
        # A decimal of many digits is as exact as the double that the API wrote.
        return float(have) == want
    return bool(have == want)
