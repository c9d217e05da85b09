"""A month of made-up days in which every trouble is planted, and the messages about it counted.

It goes through everything: a server, the tap, the loader, dbt and `make notify`. Rows come late,
are corrected, are read again from an earlier date; one project is refused for nine days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from report.notify.settings import ADDRESSES
from stand_in.server import Reply, serving
from stand_in.world import EXECUTIONS, JOBS, RUNS, World, to_text
from tests.support.pipe import Pipe
from tests.support.receivers import web_server
from tests.support.reports import notify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from stand_in.server import Request
    from tests.support.dbt_server import Dbt
    from tests.support.receivers import Requests
    from tests.support.warehouses import Warehouse

DAY_0 = datetime(2026, 3, 2, tzinfo=timezone.utc)
SALES, FINANCE, MARKETING, LOGISTICS = "proj_a", "proj_b", "proj_c", "proj_d"
NAMES = {SALES: "sales", FINANCE: "finance", MARKETING: "marketing", LOGISTICS: "logistics"}
READ_AGAIN = 15
FIRST_DAY = "2026-02-20"
"""The day on which everything is read again, and from which date on."""
BUILT = (
    "+broken_jobs",
    "+overdue_runs",
    "+sla_breaches",
    "+model_regressions",
    "+slowest_models",
    "+held_back_models",
    "+unread_streams",
    "+settings_used",
)


Key = tuple[str, str]
Looks = dict[Key, list[int]]


@dataclass(frozen=True)
class Trouble:
    """What is planted: from noon of one day to noon of another, if it ends at all."""

    kind: str
    name: str
    begins: int
    ends: int | None

    @property
    def key(self) -> Key:
        """By what a message names it."""
        return self.kind, self.name


_STREAMS = ("runs", "model_executions", "daily_stats", "model_stats", "jobs", "plans")
PLANTED = [
    # It fails on three nights.
    Trouble("broken", "failing", 3, 6),
    # Its run hangs, is marked failed a day later, and its end is corrected after that.
    Trouble("overdue", "hanging", 7, 8),
    Trouble("broken", "hanging", 8, 12),
    # It failed before the first day that was read at first.
    Trouble("broken", "old", 0, 17),
    # It fails once, is never run again, and a month passes.
    Trouble("broken", "left", 0, None),
    # It is mended while its project is refused.
    Trouble("broken", "unseen", 5, 17),
    # Meanwhile its project gets another name.
    Trouble("overdue", "long", 12, 16),
    # The day after kept the SLA.
    Trouble("breaches", "finance, 18 Mar 2026", 16, 18),
    # Its slow run ends three days later, when a day after it has kept the SLA already.
    Trouble("breaches", "sales, 22 Mar 2026", 23, 23),
    # From a Monday on.
    Trouble("regressions", "slower", 14, 28),
    Trouble("held_back", "blocked", 14, 21),
    *(Trouble("unread", stream, 8, 17) for stream in _STREAMS),
]
"""Every trouble of the month."""


def expected(looks: Sequence[int]) -> tuple[Looks, Looks]:
    """Return on which looks each is told, and its end: once, or not at all where nobody looks."""
    told: Looks = {}
    ended: Looks = {}
    for trouble in PLANTED:
        begin = [look for look in looks if look >= trouble.begins][:1]
        end = [look for look in looks if trouble.ends is not None and look >= trouble.ends][:1]
        # What comes and goes between two looks is seen only of days, which the answers keep.
        if begin != end or trouble.kind == "breaches":
            told[trouble.key], ended[trouble.key] = begin, end
    return told, {key: end for key, end in ended.items() if end}


def _at(day: int, hour: float) -> str:
    return to_text(DAY_0 + timedelta(days=day, hours=hour))


def _times(day: int, hour: float) -> dict[str, Any]:
    begin, end = _at(day, hour), _at(day, hour + 0.1)
    return {"created_at": begin, "start_time": begin, "end_time": end, "updated_at": end}


def _run(world: World, project: str, day: int, hour: float, **fields: Any) -> None:
    row = {"id": f"{fields['job_name']}_{project}_{day}", "duration_seconds": 360.0}
    world.put(RUNS, project, row | _times(day, hour) | fields)


def _happen(world: World, day: int) -> None:
    """Let a day happen, each row at its time."""
    for project in NAMES:
        _run(world, project, day, 2, job_name="nightly")
    for project, name, failed in (
        (SALES, "failing", range(3, 6)),
        (FINANCE, "old", range(-7, 17)),
        (MARKETING, "unseen", range(5, 11)),
        (LOGISTICS, "long", ()),
    ):
        status = "failed" if day in failed else "success"
        _run(world, project, day, 3, job_name=name, status=status)
    for hour in (2, 8):
        for name, seconds, status in (
            ("slower", 30.0 if day >= 14 else 10.0, "success"),
            ("blocked", 1.0, "blocked" if 13 <= day <= 20 else "success"),
        ):
            row = {"id": f"{name}_{day}_{hour}", "model_name": name, "status": status}
            world.put(EXECUTIONS, SALES, row | {"duration_seconds": seconds} | _times(day, hour))
    if not 7 <= day <= 11:
        _run(world, FINANCE, day, 4, job_name="hanging")
    if day in _ONCE:
        _ONCE[day](world)


def _hangs(project: str, name: str, day: int) -> Callable[[World], None]:
    running = {"status": "running", "end_time": None, "duration_seconds": None}
    times = {"updated_at": _at(day, 4)}
    return lambda world: _run(world, project, day, 4, id=name, job_name=name, **running, **times)


def _ends(project: str, name: str, day: int, **fields: Any) -> Callable[[World], None]:
    return lambda world: world.change(RUNS, project, name, updated_at=_at(day, 5), **fields)


def _renamed(world: World) -> None:
    _hangs(LOGISTICS, "long", 12)(world)
    world.projects[LOGISTICS].row.update(name="logistics_eu", updated_at=_at(12, 5))


def _too_long(world: World) -> None:
    _run(world, FINANCE, 16, 5, job_name="huge", duration_seconds=6_000.0)
    success = {"status": "success", "end_time": _at(16, 3), "duration_seconds": 600.0}
    _ends(LOGISTICS, "long", 16, **success)(world)


_ONCE: dict[int, Callable[[World], None]] = {
    0: lambda world: _run(world, SALES, 0, 4, job_name="left", status="failed"),
    7: _hangs(FINANCE, "hanging", 7),
    8: _ends(FINANCE, "hanging", 8, status="failed"),
    # Now it is known when it really ended.
    10: _ends(FINANCE, "hanging", 10, end_time=_at(7, 5), duration_seconds=1_000.0),
    12: _renamed,
    16: _too_long,
    20: _hangs(SALES, "late", 20),
    23: _ends(SALES, "late", 23, status="success", end_time=_at(20, 23), duration_seconds=70_000.0),
}
"""What happens on one day only."""


def _made(world: World) -> None:
    world.now = DAY_0
    for project, name in NAMES.items():
        world.add_project(project, name, created_at="2026-02-01T00:00:00Z")
        world.put(JOBS, project, {"id": f"job_{project}", "name": "nightly"})
    for day in range(-7, 0):
        _happen(world, day)


def told_and_ended(
    warehouse: Warehouse, dbt: Dbt, directory: Path, looks: Sequence[int]
) -> tuple[Looks, Looks]:
    """Live through the month, and return on which noons each finding was told, and over."""
    told: Looks = {}
    ended: Looks = {}
    world = World()
    _made(world)
    with serving(world) as api, web_server() as web:
        pipe = Pipe(api, warehouse, directory, {"refused_projects": "warn"})
        day, start_date = 0, "2026-03-01"
        for look in looks:
            for passed in range(day, look + 1):
                _happen(world, passed)
            day, world.now = look + 1, DAY_0 + timedelta(days=look, hours=12)

            def refuse(request: Request) -> Reply | None:
                is_refused = 8 <= look < 17 and f"/projects/{MARKETING}/" in request.path  # noqa: B023 - called before the next
                return Reply(403, b"{}") if is_refused else None

            api.misbehave = refuse
            if look >= READ_AGAIN and start_date > FIRST_DAY:
                start_date, pipe.state = FIRST_DAY, None
            pipe.load(start_date=f"{start_date}T00:00:00Z")
            dbt.build(warehouse, "run", "--select", *BUILT, now=world.now)
            done = notify(warehouse, **{ADDRESSES: web.url.replace("http", "json")})
            assert done.returncode == 0, done.stderr
            for finding in _findings(web):
                name, is_over = finding["name"], finding["is_over"]
                key = finding["kind"], name if finding["kind"] == "breaches" else name.split(" ")[0]
                if not is_over or key not in told:
                    told.setdefault(key, []).append(look)
                if is_over:
                    ended.setdefault(key, []).append(look)
    return told, ended


def _findings(web: Requests) -> list[dict[str, Any]]:
    messages = web.take()
    assert not any("more" in message["message"] for message in messages), "it is too much for one"
    return [finding for message in messages for finding in message["findings"]]
