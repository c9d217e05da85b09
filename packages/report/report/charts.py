"""What the charts draw, and where; `chart.svg.jinja` writes it in the page's colours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import count, groupby
from typing import ClassVar, NamedTuple, TypeGuard

from report import formatting
from report.answers import DAYS, ProjectDays
from report.warehouse import Row

# How a run ended, and the page's class with the colour for it, from the bottom of a bar up.
_COLOURS = {"successful_runs": "good", "partial_runs": "partial", "failed_runs": "failed"}
_WORDS = {"successful_runs": "succeeded", "partial_runs": "in part", "failed_runs": "failed"}
# The seconds of what an axis counts in, the largest first, as `formatting.duration` calls it.
_UNITS = {"h": 3_600, "min": 60, "s": 1}
# An SLA so many times above the longest p95 would leave the line at the bottom.
_FAR = 3
# The widest digit there is in the fonts that the page asks for.
_DIGIT = 6.5
# A bar's part of the room that a day has.
_BAR = 0.72
_MOST_STEPS = 4


class Tick(NamedTuple):
    """A text beside an axis, and where on that axis it stands."""

    at: float
    text: str


class Bar(NamedTuple):
    """The part of a day's bar that has one colour: where its middle is, and from where to where."""

    x: float
    bottom: float
    top: float


class Point(NamedTuple):
    """The p95 of a day."""

    x: float
    y: float
    is_late: bool


@dataclass(frozen=True)
class Chart:
    """A chart; every length is in units of its view box.

    Attributes:
        label: what a screen reader says in its place.
        caption: what is written above it.
        left: where the axis of the days begins, behind the texts of the values.
        hints: what each day says where somebody points at it.
        bars: by colour.
        lines: a line for each stretch of days with a value, as nothing is known of the others.
        faults: where a day is whose value cannot be.
        limit: the height of the dashed line.
        beyond: what stands at the top edge because it lies far above.
    """

    width: ClassVar = 360
    height: ClassVar = 158
    top: ClassVar = 5
    bottom: ClassVar = 141
    # Half of the last day's text is beyond it.
    right: ClassVar = 344

    label: str
    caption: str
    left: float
    days: list[Tick]
    values: list[Tick]
    hints: list[Tick]
    bars: dict[str, list[Bar]] = field(default_factory=dict)
    lines: tuple[tuple[Point, ...], ...] = ()
    faults: tuple[float, ...] = ()
    limit: float | None = None
    beyond: str = ""

    @property
    def day_width(self) -> float:
        """How wide a day is."""
        return round((self.right - self.left) / DAYS, 1)

    @property
    def bar_width(self) -> float:
        """How wide a day's bar is."""
        return round(_BAR * (self.right - self.left) / DAYS, 1)

    @property
    def dots(self) -> dict[str, list[Point]]:
        """The points of all lines, by the class that colours them."""
        points = [point for line in self.lines for point in line]
        kinds = {
            "series": [point for point in points if not point.is_late],
            "late": [point for point in points if point.is_late],
        }
        return {kind: found for kind, found in kinds.items() if found}


def overview(projects: list[ProjectDays]) -> list[Chart]:
    """Return the charts of all projects together, if there is any."""
    if not projects:
        return []
    dates = projects[0].dates
    runs = [
        {name: sum(it.runs[day][name] for it in projects) for name in ("total_runs", *_COLOURS)}
        for day in range(len(dates))
    ]
    late = [sum(it.is_late(it.p95[day]) for it in projects) for day in range(len(dates))]
    axes = _Axes(dates, max(late))
    return [
        _runs(dates, runs, "All projects", "Runs a day, all projects"),
        Chart(
            "All projects: how many were over their SLA, by day",
            "Projects over their SLA, by day",
            axes.left,
            axes.days(),
            axes.values(),
            axes.hints(
                [
                    f"{formatting.count(number)} of {formatting.count(len(projects))} projects"
                    for number in late
                ]
            ),
            bars={
                "late": [
                    Bar(axes.x(day), axes.y(0), axes.y(it)) for day, it in enumerate(late) if it
                ]
            }
            if any(late)
            else {},
        ),
    ]


def runs_a_day(project: ProjectDays) -> Chart:
    """Return the chart of each day's runs, by how they ended."""
    return _runs(project.dates, project.runs, formatting.text(project.name))


def _runs(dates: list[date], days: list[Row], name: str, caption: str = "Runs a day") -> Chart:
    axes = _Axes(dates, max(sum(row[kind] for kind in _COLOURS) for row in days))
    return Chart(
        f"{name}: runs a day",
        caption,
        axes.left,
        axes.days(),
        axes.values(),
        axes.hints([_said_of_runs(row) for row in days]),
        bars=_bars(days, axes),
    )


def p95_a_day(project: ProjectDays) -> Chart:
    """Return the chart of each day's p95 against the SLA.

    The axis fits what was measured. An SLA far above that is written at the top.
    """
    known = [seconds for seconds in project.p95 if _is_known(seconds)]
    longest = max(known, default=project.sla_seconds)
    is_beyond = project.sla_seconds > _FAR * longest
    highest = longest if is_beyond else max(longest, project.sla_seconds)
    unit, seconds_of_unit = next(
        (name, seconds)
        for name, seconds in _UNITS.items()
        if highest >= 2 * seconds or seconds == 1
    )
    axes = _Axes(project.dates, highest / seconds_of_unit, seconds_of_unit)
    sla = formatting.duration(project.sla_seconds)
    return Chart(
        f"{formatting.text(project.name)}: p95 a day in {unit}",
        f"p95 a day in {unit}; "
        + (f"the SLA, {sla}, is far above" if is_beyond else f"dashed is the SLA, {sla}"),
        axes.left,
        axes.days(),
        axes.values(),
        axes.hints([_said_of_p95(project, seconds) for seconds in project.p95]),
        lines=tuple(_lines(project, axes)),
        faults=tuple(
            axes.x(day) for day, seconds in enumerate(project.p95) if formatting.is_fault(seconds)
        ),
        limit=None if is_beyond else axes.y(project.sla_seconds),
        beyond=f"SLA {sla} ↑" if is_beyond else "",
    )


def _said_of_runs(row: Row) -> str:
    if not row["total_runs"]:
        return "no run"
    parts = [
        f"{formatting.count(row[name])} {words}" for name, words in _WORDS.items() if row[name]
    ]
    return ", ".join([f"{formatting.count(row['total_runs'])} runs", *parts])


def _said_of_p95(project: ProjectDays, seconds: float | None) -> str:
    if seconds is None:
        return "not measured"
    return formatting.duration(seconds) + (", over the SLA" if project.is_late(seconds) else "")


def _bars(days: list[Row], axes: _Axes) -> dict[str, list[Bar]]:
    bars: dict[str, list[Bar]] = {}
    for day, row in enumerate(days):
        below = 0
        for name, colour in _COLOURS.items():
            if row[name]:
                bar = Bar(axes.x(day), axes.y(below), axes.y(below + row[name]))
                bars.setdefault(colour, []).append(bar)
            below += row[name]
    return bars


def _lines(project: ProjectDays, axes: _Axes) -> Iterator[tuple[Point, ...]]:
    days = enumerate(project.p95)
    for is_known, stretch in groupby(days, lambda day: _is_known(day[1])):
        if is_known:
            yield tuple(
                Point(axes.x(day), axes.y(seconds), project.is_late(seconds))
                for day, seconds in stretch
                if seconds is not None
            )


def _is_known(seconds: float | None) -> TypeGuard[float]:
    return seconds is not None and not formatting.is_fault(seconds)


class _Axes:
    """The days from left to right, and the values from 0 up to a round number above all of them."""

    def __init__(self, dates: list[date], highest: float, unit: float = 1) -> None:
        step = next(step for step in _steps() if highest <= step * _MOST_STEPS)
        self._values = range(0, step * max(math.ceil(highest / step), 1) + 1, step)
        self._unit = unit
        self._dates = dates
        self.left = round(8 + _DIGIT * max(len(value.text) for value in self.values()), 1)

    def x(self, day: float) -> float:
        return round(self.left + (day + 0.5) * (Chart.right - self.left) / len(self._dates), 1)

    def y(self, value: float) -> float:
        height = (Chart.bottom - Chart.top) * value / self._unit / self._values[-1]
        return round(Chart.bottom - height, 1)

    def hints(self, texts: list[str]) -> list[Tick]:
        """Return what each day says."""
        return [
            Tick(self.x(day), f"{formatting.day_of_year(self._dates[day])}: {text}")
            for day, text in enumerate(texts)
        ]

    def days(self) -> list[Tick]:
        """Return every seventh day, back from the last."""
        return [
            Tick(self.x(day), formatting.day_of_year(self._dates[day]))
            for day in range(len(self._dates) - 1, -1, -7)
        ]

    def values(self) -> list[Tick]:
        """Return a few whole numbers that are easy to count on."""
        return [Tick(self.y(value * self._unit), formatting.count(value)) for value in self._values]


def _steps() -> Iterator[int]:
    """Yield 1, 2, 5, 10, 20, 50 and so on."""
    for power in count():
        for first in (1, 2, 5):
            yield first * 10**power
