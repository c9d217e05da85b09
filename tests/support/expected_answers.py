"""What the other models of transform/ must hold, from the API's rows, by none of their SQL."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from stand_in.world import EXECUTIONS, RUNS, Row, from_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stand_in.world import World

Answer = dict[tuple[Any, ...], tuple[Any, ...]]
FAILED = {"failed", "error"}
HELD_BACK = {"skipped", "blocked"}
FINISHED = {"success", "partial", *FAILED}


def percentile(values: Iterable[float], share: float) -> float | None:
    ordered = sorted(values)
    if not ordered:
        return None
    position = (len(ordered) - 1) * share
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def _rows(world: World, table: str) -> list[Row]:
    return [row for project in world.projects for row in world.rows(table, project)]


def _day(row: Row) -> date:
    return from_text(row.get("start_time") or row["created_at"]).date()


def _grouped(rows: Iterable[Row], *names: Any) -> dict[tuple[Any, ...], list[Row]]:
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(name(row) if callable(name) else row[name] for name in names)].append(row)
    return groups


def _count(rows: list[Row], *statuses: str) -> int:
    return sum(row["status"] in statuses for row in rows)


def _seconds(rows: list[Row], *statuses: str) -> list[float]:
    return [
        row["duration_seconds"]
        for row in rows
        if row.get("duration_seconds") is not None and (not statuses or row["status"] in statuses)
    ]


def model_days(world: World) -> Answer:
    return {
        key: (
            len(rows),
            _count(rows, "success"),
            _count(rows, *FAILED),
            _count(rows, *HELD_BACK),
            percentile(seconds, 0.5),
            percentile(seconds, 0.95),
            percentile(seconds, 0.99),
            max(seconds, default=None),
            sum(seconds) if seconds else None,
        )
        for key, rows in _grouped(
            _rows(world, EXECUTIONS), "project_id", "model_name", _day
        ).items()
        for seconds in [_seconds(rows, "success")]
    }


def run_days(world: World) -> Answer:
    return {
        key: (
            len(rows),
            _count(rows, "success"),
            _count(rows, "partial"),
            _count(rows, *FAILED),
            percentile(seconds, 0.5),
            percentile(seconds, 0.95),
            max(seconds, default=None),
        )
        for key, rows in _grouped(_rows(world, RUNS), "project_id", _day).items()
        for seconds in [_seconds(rows)]
    }


def _monday(row: Row) -> date:
    return _day(row) - timedelta(days=_day(row).weekday())


def job_weeks(world: World) -> Answer:
    finished = [row for row in _rows(world, RUNS) if row["status"] in FINISHED]
    weeks = _grouped(finished, "project_id", "job_name", _monday)
    medians = {key: percentile(_seconds(rows, "success"), 0.5) for key, rows in weeks.items()}
    found = {}
    for key, rows in weeks.items():
        now, before = medians[key], medians.get((*key[:2], key[2] - timedelta(days=7))) or None
        change = (now - before) / before * 100 if now is not None and before else None
        found[key] = (
            len(rows),
            _count(rows, "success") / len(rows),
            now,
            percentile(_seconds(rows, "success"), 0.95),
            before,
            None if change is None else round(change, 1),
        )
    return found


def time_lost(world: World) -> Answer:
    failed = _grouped(
        (row for row in _rows(world, EXECUTIONS) if row["status"] in FAILED), "run_id"
    )
    lost = [row for row in _rows(world, RUNS) if row["status"] in FINISHED - {"success"}]
    return {
        key: (
            _count(rows, "partial"),
            _count(rows, "failed"),
            _count(rows, "error"),
            sum(len(failed.get((row["id"],), [])) for row in rows),
            sum(
                sum(_seconds(failed.get((row["id"],), [])))
                if row["status"] == "partial"
                else row.get("duration_seconds") or 0
                for row in rows
            ),
        )
        for key, rows in _grouped(lost, "project_id", "job_name", _day).items()
    }


def held_back_models(world: World, days: int = 7, times: int = 3) -> Answer:
    first = world.now.date() - timedelta(days=days - 1)
    known = [
        row
        for row in _rows(world, EXECUTIONS)
        if row["status"] not in {"pending", "running"} and _day(row) >= first
    ]
    found = {}
    for key, rows in _grouped(known, "project_id", "model_name").items():
        if _count(rows, *HELD_BACK) < times:
            continue
        rows.sort(key=lambda row: (_moment(row), row["id"]), reverse=True)
        ran = [index for index, row in enumerate(rows) if row["status"] not in HELD_BACK]
        found[key] = (
            len(rows),
            _count(rows, "skipped"),
            _count(rows, "blocked"),
            ran[0] if ran else len(rows),
            _moment(rows[ran[0]]) if ran else None,
        )
    return found


def _moment(row: Row) -> Any:
    return from_text(row.get("start_time") or row["created_at"]).replace(tzinfo=None)


def overdue_runs(world: World, factor: float = 2, days: int = 30, least: int = 5) -> Answer:
    first = world.now.date() - timedelta(days=days - 1)
    recent = [
        row for row in _rows(world, RUNS) if row["status"] == "success" and _day(row) >= first
    ]
    usual = {
        key: _seconds(rows) for key, rows in _grouped(recent, "project_id", "job_name").items()
    }
    found = {}
    for row in _rows(world, RUNS):
        seconds = usual.get((row["project_id"], row["job_name"]), [])
        if row["status"] != "running" or not row.get("start_time") or len(seconds) < least:
            continue
        running = (world.now - from_text(row["start_time"])).total_seconds()
        p95 = percentile(seconds, 0.95) or 0.0
        if running > factor * p95:
            found[(row["id"],)] = (running, p95, len(seconds))
    return found


def broken_jobs(world: World) -> Answer:
    finished = [row for row in _rows(world, RUNS) if row["status"] in FINISHED]
    found = {}
    for key, rows in _grouped(finished, "project_id", "job_name").items():
        rows.sort(key=lambda row: (_ended(row), row["id"]), reverse=True)
        good = [index for index, row in enumerate(rows) if row["status"] == "success"]
        broken = rows[: good[0]] if good else rows
        if broken:
            newest = broken[0]
            found[key] = (
                len(broken),
                _ended(broken[-1]),
                newest["id"],
                newest["status"],
                newest.get("error_message"),
            )
    return found


def _ended(row: Row) -> Any:
    return from_text(row.get("end_time") or row["updated_at"]).replace(tzinfo=None)
