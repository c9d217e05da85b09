"""What the models of the dbt project must hold, from the API's rows, by none of their SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from stand_in import statistics
from stand_in.world import EXECUTIONS, JOBS, RUNS, Row, World, from_text
from tests.support.base_time import FIRST_DAY
from tests.support.truth import FIRST_MONDAY

Answer = dict[tuple[Any, ...], tuple[Any, ...]]
FAILED = {"failed", "error"}
HELD_BACK = {"skipped", "blocked"}
FINISHED = {"success", "partial", *FAILED}


@dataclass(frozen=True)
class Loaded:
    """What was loaded, and the thresholds that are not the usual ones.

    Attributes:
        world: every row, also of the projects that are `gone`, by their ids.
        windows: the lengths of all windows of `model_stats` that were read, in days, the one that
            is read now last; `windows_of` has those of projects that were last read earlier.
        slas: of single projects, by id or name.
        first_day: the first of the statistics.
    """

    world: World
    gone: AbstractSet[str] = frozenset()
    windows: tuple[int, ...] = (7,)
    windows_of: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    slas: Mapping[str, float] = field(default_factory=dict)
    first_day: date = FIRST_DAY

    @property
    def today(self) -> date:
        return self.world.now.date()

    def first_of(self, days: int) -> date:
        """Return the first of so many days up to today."""
        return self.today - timedelta(days=days - 1)

    def rows(self, table: str) -> list[Row]:
        return [row for project in self.world.projects for row in self.world.rows(table, project)]

    def windows_since(self, first: date, days: int) -> Iterator[tuple[date, date]]:
        """Yield the windows of a length of which the last day is `first` or later."""
        start = first - timedelta(days=(first - FIRST_MONDAY).days % days)
        while start <= self.today:
            yield start, start + timedelta(days=days - 1)
            start += timedelta(days=days)


def known_projects(loaded: Loaded) -> Answer:
    names = {
        key: (project.row.get("name") or "").strip() or None
        for key, project in loaded.world.projects.items()
    }
    found = {}
    for key, name in names.items():
        others = names.keys() - {key}
        namesakes = {other for other in others if names[other] == name}
        if key not in loaded.gone:
            namesakes -= loaded.gone
        is_shared = name and (namesakes or name in others)
        found[(key,)] = (f"{name} ({key})" if is_shared else name or key, name, key in loaded.gone)
    return found


def project_slas(loaded: Loaded) -> Answer:
    return {
        (key,): (loaded.slas.get(key, loaded.slas.get(project.row["name"], 1_800)),)
        for key, project in loaded.world.projects.items()
    }


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
            found[key, name] = (moment(row), key in loaded.gone or name in unlisted)
    return found


def sla_breaches(loaded: Loaded, days: int = 7) -> Answer:
    slas, found = project_slas(loaded), {}
    for key in loaded.world.projects.keys() - loaded.gone:
        rows = {
            date.fromisoformat(row["date"]): row
            for row in statistics.daily(loaded.world, key, days)
        }
        p95 = {day: row["p95_duration_seconds"] for day, row in rows.items()}
        (sla,) = slas[(key,)]
        kept = [day for day, it in p95.items() if it is not None and it <= sla]
        for day, row in rows.items():
            if (p95[day] or 0) > sla:
                again = min((it for it in kept if day < it < loaded.today), default=None)
                values = (p95[day], row["max_duration_seconds"], row["total_runs"])
                found[key, day] = (*values, again)
    return found


def sla_months(loaded: Loaded) -> Answer:
    found = {}
    for (key,), (sla,) in project_slas(loaded).items():
        days = (loaded.today - loaded.first_day).days + 1
        rows = statistics.daily(loaded.world, key, days)
        measured = [row for row in rows if row["p95_duration_seconds"] is not None]
        for (month,), its in _grouped(measured, lambda row: row["date"][:7]).items():
            p95 = [row["p95_duration_seconds"] for row in its]
            day = date.fromisoformat(f"{month}-01")
            found[key, day] = (len(p95), sum(it > sla for it in p95), max(p95))
    return found


def model_regressions(loaded: Loaded, percent: float = 20) -> Answer:
    found = {}
    for key in loaded.world.projects:
        lengths = loaded.windows_of.get(key, loaded.windows)
        for days in lengths:
            before: dict[str, float | None] = {}
            for start, end in loaded.windows_since(loaded.first_day, days):
                rows = statistics.by_model(loaded.world, key, start, end)
                now = {row["model_name"]: row["p95_duration_seconds"] for row in rows}
                ago = (loaded.today - start).days // days
                for model, seconds in now.items():
                    previous = before.get(model)
                    if not previous or not seconds:
                        continue
                    change = (seconds - previous) / previous * 100
                    if change > percent:
                        values = (previous, seconds, ago, round(change, 1))
                        is_current = days == lengths[-1] and ago < 2 and key not in loaded.gone
                        found[key, model, start, end] = (*values, is_current)
                before = now
    return found


def slowest_models(loaded: Loaded) -> Answer:
    found = {}
    for key in loaded.world.projects.keys() - loaded.gone:
        days = loaded.windows_of.get(key, loaded.windows)[-1]
        # The newest window with an execution.
        for start, end in reversed([*loaded.windows_since(loaded.first_of(30), days)]):
            if rows := statistics.by_model(loaded.world, key, start, end):
                for row in rows:
                    p95, longest = row["p95_duration_seconds"], row["max_duration_seconds"]
                    if p95 is not None:
                        values = (start, end, row["total_executions"], p95, longest)
                        found[key, row["model_name"]] = values
                break
    return found


def model_days(loaded: Loaded) -> Answer:
    executions = _grouped(loaded.rows(EXECUTIONS), "project_id", "model_name", _day)
    return {
        key: (
            len(rows),
            _count(rows, "success"),
            _count(rows, *FAILED),
            _count(rows, *HELD_BACK),
            *(_percentile(seconds, share) for share in (0.5, 0.95, 0.99)),
            max(seconds, default=None),
            sum(seconds) if seconds else None,
        )
        for key, rows in executions.items()
        for seconds in [_seconds(rows, "success")]
    }


def run_days(loaded: Loaded) -> Answer:
    return {
        key: (
            len(rows),
            _count(rows, "success"),
            _count(rows, "partial"),
            _count(rows, *FAILED),
            *(_percentile(seconds, share) for share in (0.5, 0.95)),
            max(seconds, default=None),
        )
        for key, rows in _grouped(loaded.rows(RUNS), "project_id", _day).items()
        for seconds in [_seconds(rows)]
    }


def job_weeks(loaded: Loaded) -> Answer:
    def monday(row: Row) -> date:
        return _day(row) - timedelta(days=_day(row).weekday())

    finished = [row for row in loaded.rows(RUNS) if row["status"] in FINISHED]
    weeks = _grouped(finished, "project_id", _job, monday)
    medians = {key: _percentile(_seconds(rows, "success"), 0.5) for key, rows in weeks.items()}
    jobs = known_jobs(loaded)
    found = {}
    for key, rows in weeks.items():
        now, before = medians[key], medians.get((*key[:2], key[2] - timedelta(days=7))) or None
        change = (now - before) / before * 100 if now is not None and before else None
        found[key] = (
            len(rows),
            _count(rows, "success") / len(rows),
            now,
            _percentile(_seconds(rows, "success"), 0.95),
            before,
            None if change is None else round(change, 1),
            not jobs[key[:2]][-1]
            and key[2] == max(week for *job, week in weeks if tuple(job) == key[:2])
            and max(map(_day, rows)) >= loaded.first_of(30),
        )
    return found


def time_lost(loaded: Loaded) -> Answer:
    executions = [row for row in loaded.rows(EXECUTIONS) if row["status"] in FAILED]
    failed = _grouped(executions, "run_id")
    lost = [row for row in loaded.rows(RUNS) if row["status"] in FINISHED - {"success"}]
    return {
        key: (
            *(_count(rows, status) for status in ("partial", "failed", "error")),
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
    known = [
        row
        for row in loaded.rows(EXECUTIONS)
        if row["status"] not in {"pending", "running"} and _day(row) >= loaded.first_of(days)
    ]
    found = {}
    for key, rows in _grouped(known, "project_id", "model_name").items():
        if _count(rows, *HELD_BACK) < times or key[0] in loaded.gone:
            continue
        rows.sort(key=_newest, reverse=True)
        ran = [at for at, row in enumerate(rows) if row["status"] not in HELD_BACK]
        counts = (len(rows), _count(rows, "skipped"), _count(rows, "blocked"))
        in_a_row, last = (ran[0], moment(rows[ran[0]])) if ran else (len(rows), None)
        found[key] = (*counts, in_a_row, last)
    return found


def overdue_runs(loaded: Loaded, factor: float = 2, days: int = 30, least: int = 5) -> Answer:
    first, jobs = loaded.first_of(days), known_jobs(loaded)
    runs = loaded.rows(RUNS)
    recent = [row for row in runs if row["status"] == "success" and _day(row) >= first]
    usual = {key: _seconds(rows) for key, rows in _grouped(recent, "project_id", _job).items()}
    found = {}
    for row in runs:
        job = (row["project_id"], _job(row))
        seconds = usual.get(job, [])
        if row["status"] != "running" or not row.get("start_time") or len(seconds) < least:
            continue
        running = (loaded.world.now - from_text(row["start_time"])).total_seconds()
        p95 = _percentile(seconds, 0.95) or 0.0
        if not jobs[job][-1] and _day(row) >= loaded.first_of(30) and running > factor * p95:
            found[(row["id"],)] = (running, p95, len(seconds))
    return found


def broken_jobs(loaded: Loaded) -> Answer:
    def ended(row: Row) -> Any:
        return from_text(row.get("end_time") or row["updated_at"]).replace(tzinfo=None)

    jobs = known_jobs(loaded)
    finished = [row for row in loaded.rows(RUNS) if row["status"] in FINISHED]
    found = {}
    for key, rows in _grouped(finished, "project_id", _job).items():
        rows.sort(key=lambda row: (ended(row), row["id"]), reverse=True)
        good = [at for at, row in enumerate(rows) if row["status"] == "success"]
        broken = rows[: good[0]] if good else rows
        if broken and not jobs[key][-1] and ended(broken[0]).date() >= loaded.first_of(30):
            newest = broken[0]
            told = (newest["id"], newest["status"], newest.get("error_message"))
            found[key] = (len(broken), ended(broken[-1]), *told)
    return found


def _job(row: Row) -> str:
    return row.get("job_name") or "unknown"


def moment(row: Row) -> Any:
    return from_text(row.get("start_time") or row["created_at"]).replace(tzinfo=None)


def _day(row: Row) -> date:
    day: date = moment(row).date()
    return day


def _newest(row: Row) -> Any:
    return moment(row), row["id"]


def _grouped(rows: Iterable[Row], *names: Any) -> dict[tuple[Any, ...], list[Row]]:
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(name(row) if callable(name) else row[name] for name in names)].append(row)
    return groups


def _count(rows: list[Row], *statuses: str) -> int:
    return sum(row["status"] in statuses for row in rows)


def _percentile(values: list[float], share: float) -> float | None:
    """Interpolate linearly between the two nearest values, and round nothing."""
    if not values:
        return None
    ordered = sorted(values)
    below, part = divmod((len(ordered) - 1) * share, 1)
    above = ordered[min(int(below) + 1, len(ordered) - 1)]
    return ordered[int(below)] + (above - ordered[int(below)]) * part


def _seconds(rows: list[Row], *statuses: str) -> list[float]:
    return [
        row["duration_seconds"]
        for row in rows
        if row.get("duration_seconds") is not None and (not statuses or row["status"] in statuses)
    ]
