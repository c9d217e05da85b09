"""The statistics the API computes, from the rows themselves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from stand_in.world import EXECUTIONS, RUNS, Row, World, from_text


def percentile(values: list[float], share: float) -> float:
    """Interpolate linearly between the two nearest values, as PostgreSQL's percentile_cont does."""
    ordered = sorted(values)
    position = (len(ordered) - 1) * share
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return round(ordered[below] + (ordered[above] - ordered[below]) * (position - below), 3)


def _durations(rows: Iterable[Row]) -> dict[str, float | None]:
    values = [row["duration_seconds"] for row in rows if row.get("duration_seconds") is not None]
    if not values:
        return {
            "avg_duration_seconds": None,
            "p95_duration_seconds": None,
            "max_duration_seconds": None,
        }
    return {
        "avg_duration_seconds": round(sum(values) / len(values), 3),
        "p95_duration_seconds": percentile(values, 0.95),
        "max_duration_seconds": max(values),
    }


def _day(row: Row) -> date:
    return from_text(row.get("start_time") or row["created_at"]).date()


def daily(world: World, project_id: str, days: int) -> list[dict[str, Any]]:
    """Return a row for each of the last `days` days, today included, that had a run."""
    today = world.now.date()
    first = today - timedelta(days=days - 1)
    by_day: dict[date, list[Row]] = {}
    for row in world.rows(RUNS, project_id):
        if first <= _day(row) <= today:
            by_day.setdefault(_day(row), []).append(row)
    return [
        {
            "date": day.isoformat(),
            "total_runs": len(rows),
            "successful_runs": sum(row["status"] == "success" for row in rows),
            "failed_runs": sum(row["status"] == "failed" for row in rows),
            "error_runs": sum(row["status"] == "error" for row in rows),
            **_durations(rows),
        }
        for day, rows in sorted(by_day.items())
    ]


def by_model(world: World, project_id: str, start: date, end: date) -> list[dict[str, Any]]:
    """Return a row for each model executed from the day `start` to the day `end`, both included."""
    models: dict[str, list[Row]] = {}
    for row in world.rows(EXECUTIONS, project_id):
        if start <= _day(row) <= end:
            models.setdefault(row["model_name"], []).append(row)
    return [
        {
            "model_name": name,
            "total_executions": len(rows),
            "successful_executions": sum(row["status"] == "success" for row in rows),
            "failed_executions": sum(row["status"] == "failed" for row in rows),
            **_durations(row for row in rows if row["status"] == "success"),
        }
        for name, rows in sorted(models.items())
    ]
