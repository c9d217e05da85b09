"""What the other models of the dbt project must hold, from the API's rows, by none of their SQL."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from stand_in import statistics
from stand_in.world import EXECUTIONS, JOBS, RUNS, Row, from_text
from tests.support.truth import FIRST_MONDAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from stand_in.world import World

Answer = dict[tuple[Any, ...], tuple[Any, ...]]
FAILED = {"failed", "error"}
HELD_BACK = {"skipped", "blocked"}
FINISHED = {"success", "partial", *FAILED}


@dataclass(frozen=True)
class Loaded:
    """What was loaded.

    Attributes:
        world: every row, also of projects that are gone.
        gone: the ids of those.
        window_days: how long the windows of `model_stats` are that are read now.
        windows_of: the same for projects that were last read in windows of another length.
        current_days: how many days count as now.
    """

    world: World
    gone: AbstractSet[str] = frozenset()
    window_days: int = 7
    windows_of: Mapping[str, int] = field(default_factory=dict)
    current_days: int = 30

    @property
    def first_current_day(self) -> date:
        return self.world.now.date() - timedelta(days=self.current_days - 1)


def known_projects(loaded: Loaded) -> Answer:
    names = {
        key: (project.row.get("name") or "").strip() or None
        for key, project in loaded.world.projects.items()
    }
    found = {}
    for key, name in names.items():
        others = {other for other in names if other != key}
        namesakes = {other for other in others if names[other] == name}
        if key not in loaded.gone:
            namesakes -= loaded.gone
        label = name or key
        if name and (namesakes or name in others):
            label = f"{name} ({key})"
        found[(key,)] = (label, name, key in loaded.gone)
    return found


def known_jobs(loaded: Loaded) -> Answer:
    found = {}
    for key in loaded.world.projects:
        listed = {row["name"] for row in loaded.world.rows(JOBS, key)}
        jobs = _grouped(loaded.world.rows(RUNS, key), _job)
        newest = {name: max(rows, key=_newest) for (name,), rows in jobs.items()}
        scheduled = {
            name
            for name, row in newest.items()
            if row.get("cronjob_name") and row.get("job_type") in {None, "run"} and row["job_name"]
        }
        unlisted = scheduled - listed if scheduled & listed else set()
        for name, row in newest.items():
            found[key, name] = (_moment(row), key in loaded.gone or name in unlisted)
    return found


def _job(row: Row) -> str:
    return row.get("job_name") or "unknown"


def _newest(row: Row) -> Any:
    return _moment(row), row["id"]


def _gone_jobs(loaded: Loaded) -> set[tuple[Any, ...]]:
    return {key for key, (_, is_gone) in known_jobs(loaded).items() if is_gone}


def slowest_models(loaded: Loaded) -> Answer:
    return {
        (key, row["model_name"]): (
            start,
            end,
            row["total_executions"],
            row["p95_duration_seconds"],
            row["max_duration_seconds"],
        )
        for key in loaded.world.projects.keys() - loaded.gone
        for start, end, rows in [_newest_window(loaded, key)]
        for row in rows
        if row["p95_duration_seconds"] is not None
    }


def _newest_window(loaded: Loaded, project: str) -> tuple[date, date, list[Row]]:
    """Return the newest window with an execution, and its models."""
    for start, end in _windows(loaded, project):
        if rows := statistics.by_model(loaded.world, project, start, end):
            return start, end, rows
    return loaded.first_current_day, loaded.first_current_day, []


def _windows(loaded: Loaded, project: str) -> Iterator[tuple[date, date]]:
    """Yield the windows that count as now, from today's back."""
    today, days = loaded.world.now.date(), loaded.windows_of.get(project, loaded.window_days)
    start = today - timedelta(days=(today - FIRST_MONDAY).days % days)
    while (end := start + timedelta(days=days - 1)) >= loaded.first_current_day:
        yield start, end
        start -= timedelta(days=days)


def percentile(values: Iterable[float], share: float) -> float | None:
    ordered = sorted(values)
    if not ordered:
        return None
    position = (len(ordered) - 1) * share
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def _rows(loaded: Loaded, table: str) -> list[Row]:
    world = loaded.world
    return [row for project in world.projects for row in world.rows(table, project)]


def _there(loaded: Loaded, table: str) -> list[Row]:
    """Return the rows of the projects that are not gone."""
    return [row for row in _rows(loaded, table) if row["project_id"] not in loaded.gone]


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


def model_days(loaded: Loaded) -> Answer:
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
            _rows(loaded, EXECUTIONS), "project_id", "model_name", _day
        ).items()
        for seconds in [_seconds(rows, "success")]
    }


def run_days(loaded: Loaded) -> Answer:
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
        for key, rows in _grouped(_rows(loaded, RUNS), "project_id", _day).items()
        for seconds in [_seconds(rows)]
    }


def _monday(row: Row) -> date:
    return _day(row) - timedelta(days=_day(row).weekday())


def job_weeks(loaded: Loaded) -> Answer:
    finished = [row for row in _rows(loaded, RUNS) if row["status"] in FINISHED]
    weeks = _grouped(finished, "project_id", _job, _monday)
    medians = {key: percentile(_seconds(rows, "success"), 0.5) for key, rows in weeks.items()}
    newest = {key: max(week for *job, week in weeks if tuple(job) == key[:2]) for key in weeks}
    gone = _gone_jobs(loaded)
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
            key[:2] not in gone
            and key[2] == newest[key]
            and max(map(_day, rows)) >= loaded.first_current_day,
        )
    return found


def time_lost(loaded: Loaded) -> Answer:
    failed = _grouped(
        (row for row in _rows(loaded, EXECUTIONS) if row["status"] in FAILED), "run_id"
    )
    lost = [row for row in _rows(loaded, RUNS) if row["status"] in FINISHED - {"success"}]
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
        for key, rows in _grouped(lost, "project_id", _job, _day).items()
    }


def held_back_models(loaded: Loaded, days: int = 7, times: int = 3) -> Answer:
    first = loaded.world.now.date() - timedelta(days=days - 1)
    known = [
        row
        for row in _there(loaded, EXECUTIONS)
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


def overdue_runs(loaded: Loaded, factor: float = 2, days: int = 30, least: int = 5) -> Answer:
    gone = _gone_jobs(loaded)
    first = loaded.world.now.date() - timedelta(days=days - 1)
    recent = [
        row for row in _rows(loaded, RUNS) if row["status"] == "success" and _day(row) >= first
    ]
    usual = {key: _seconds(rows) for key, rows in _grouped(recent, "project_id", _job).items()}
    found = {}
    for row in _rows(loaded, RUNS):
        job = (row["project_id"], _job(row))
        seconds = usual.get(job, [])
        if row["status"] != "running" or not row.get("start_time") or len(seconds) < least:
            continue
        if job in gone or _day(row) < loaded.first_current_day:
            continue
        running = (loaded.world.now - from_text(row["start_time"])).total_seconds()
        p95 = percentile(seconds, 0.95) or 0.0
        if running > factor * p95:
            found[(row["id"],)] = (running, p95, len(seconds))
    return found


def broken_jobs(loaded: Loaded) -> Answer:
    gone = _gone_jobs(loaded)
    finished = [row for row in _rows(loaded, RUNS) if row["status"] in FINISHED]
    found = {}
    for key, rows in _grouped(finished, "project_id", _job).items():
        rows.sort(key=lambda row: (_ended(row), row["id"]), reverse=True)
        good = [index for index, row in enumerate(rows) if row["status"] == "success"]
        broken = rows[: good[0]] if good else rows
        if broken and key not in gone and _ended(broken[0]).date() >= loaded.first_current_day:
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
