"""What the charts draw, and where; `chart.svg.jinja` writes it in the page's colours."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count, groupby
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from report import formatting
from report.answers import DAYS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from typing import TypeGuard

    from report.answers import ProjectDays

# How a run ended, and the page's class with the colour for it, from the bottom of a bar up.
_COLOURS = {"successful_runs": "good", "partial_runs": "partial", "failed_runs": "failed"}
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
        left: where the axis of the days begins, behind the texts of the values.
        bars: by colour.
        lines: a line for each stretch of days with a value, as nothing is known of the others.
        faults: where a day is whose value cannot be.
        limit: the height of the dashed line.
    """

    width: ClassVar = 360
    height: ClassVar = 158
    top: ClassVar = 3
    bottom: ClassVar = 141
    # Half of the last day's text is beyond it.
    right: ClassVar = 344

    label: str
    left: float
    days: list[Tick]
    values: list[Tick]
    bars: dict[str, list[Bar]] = field(default_factory=dict)
    lines: tuple[tuple[Point, ...], ...] = ()
    faults: tuple[float, ...] = ()
    limit: float | None = None

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


def runs_a_day(project: ProjectDays) -> Chart:
    """Return the chart of each day's runs, by how they ended."""
    most = max(sum(row[name] for name in _COLOURS) for row in project.runs)
    axes = _Axes(project.dates, most * 1.08)
    return Chart(
        f"{formatting.text(project.name)}: runs a day",
        axes.left,
        axes.days(),
        axes.values(),
        bars=_bars(project, axes),
    )


def p95_a_day(project: ProjectDays) -> Chart:
    """Return the chart of each day's p95 in minutes, against the line that it must not cross."""
    known = [seconds for seconds in project.p95 if _is_known(seconds)]
    longest = max([project.sla_seconds, *known])
    axes = _Axes(project.dates, longest / 60 * 1.15)
    return Chart(
        f"{formatting.text(project.name)}: p95 a day in minutes",
        axes.left,
        axes.days(),
        axes.values(),
        lines=tuple(_lines(project, axes)),
        faults=tuple(
            axes.x(day) for day, seconds in enumerate(project.p95) if formatting.is_fault(seconds)
        ),
        limit=axes.y(project.sla_seconds / 60),
    )


def _bars(project: ProjectDays, axes: _Axes) -> dict[str, list[Bar]]:
    bars: dict[str, list[Bar]] = {}
    for day, row in enumerate(project.runs):
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
                Point(axes.x(day), axes.y(seconds / 60), seconds > project.sla_seconds)
                for day, seconds in stretch
                if seconds is not None
            )


def _is_known(seconds: float | None) -> TypeGuard[float]:
    return seconds is not None and not formatting.is_fault(seconds)


class _Axes:
    """The days from left to right, and the values from 0 up to `highest`."""

    def __init__(self, dates: list[date], highest: float) -> None:
        # Below 1, 0 would be the only whole number on the axis.
        self._highest = max(highest, 1.0)
        self._step = next(step for step in _steps() if self._highest / step <= _MOST_STEPS)
        self._dates = dates
        self.left = round(8 + _DIGIT * max(len(value.text) for value in self.values()), 1)

    def x(self, day: float) -> float:
        return round(self.left + (day + 0.5) * (Chart.right - self.left) / len(self._dates), 1)

    def y(self, value: float) -> float:
        height = (Chart.bottom - Chart.top) * value / self._highest
        return round(Chart.bottom - height, 1)

    def days(self) -> list[Tick]:
        """Return every seventh day, back from the last."""
        return [
            Tick(self.x(day), formatting.day_of_year(self._dates[day]))
            for day in range(len(self._dates) - 1, -1, -7)
        ]

    def values(self) -> list[Tick]:
        """Return a few whole numbers that are easy to count on."""
        whole = range(0, int(self._highest) + 1, self._step)
        return [Tick(self.y(value), formatting.count(value)) for value in whole]


def _steps() -> Iterator[int]:
    """Yield 1, 2, 5, 10, 20, 50 and so on."""
    for power in count():
        for first in (1, 2, 5):
            yield first * 10**power
