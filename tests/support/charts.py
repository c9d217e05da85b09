"""Reads the charts of a page as somebody does who looks at them: by their axes and colours."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from typing_extensions import override

from report.page import page
from tests.support.pages import answers

if TYPE_CHECKING:
    from report.answers import ProjectDays

# The columns of a day's runs, and the class of what is drawn for them, from the bottom up.
COLOURS = {"successful_runs": "good", "partial_runs": "partial", "failed_runs": "failed"}
_DAYS = 30
_NUMBER = r"([\d.]+)"
_LEVEL = re.compile(f"M{_NUMBER} {_NUMBER}H{_NUMBER}")
_UPRIGHT = re.compile(f"M{_NUMBER} {_NUMBER}V{_NUMBER}")
_POINT = re.compile(f"[ML]{_NUMBER} {_NUMBER}")
# A unit's tenth is what is written; the scale is read from lines that are rounded, too.
_ROUNDED = 0.16
_DIGIT, _HALF_A_DAY = 6.5, 20


class Drawing:
    """One chart.

    Attributes:
        elements: each with its attributes.
        texts: by the class of their group: where each begins, ends or has its middle, and what it
            says.
        hints: what is said where somebody points, and where.
    """

    def __init__(self, attributes: dict[str, str]) -> None:
        self.label = attributes["aria-label"]
        self.elements: list[tuple[str, dict[str, str]]] = [("svg", attributes)]
        self.texts: dict[str, list[tuple[float, str]]] = {"values": [], "days": [], "beyond": []}
        self.hints: list[tuple[float, str]] = []

    @property
    def days(self) -> list[tuple[float, str]]:
        return self.texts["days"]

    @property
    def values(self) -> list[int]:
        return [int(text.replace(",", "")) for _, text in self.texts["values"]]

    @property
    def unit(self) -> int:
        """How many seconds one is on the axis."""
        return {"s": 1, "min": 60, "h": 3_600}[self.label.rpartition(" ")[2]]

    @property
    def classes(self) -> set[str]:
        return {name for _, it in self.elements for name in it.get("class", "").split()}

    def day(self, x: float) -> int:
        """Return which day is at `x`, which must be its middle."""
        left, _, right = self._levels("grid")[0]
        day = (x - left) / (right - left) * _DAYS - 0.5
        assert abs(day - round(day)) < 0.05
        return round(day)

    def shows(self, y: float, value: float) -> bool:
        """Return whether `y` is as high as `value` by the lines of the axis."""
        (_, zero, _), *_, (_, last, _) = self._levels("grid")
        return abs(zero - (zero - last) * value / self.values[-1] - y) < _ROUNDED

    def bars(self, colour: str) -> dict[int, tuple[float, float]]:
        """Return by day from where to where its bar has this colour."""
        bars = {}
        for x, bottom, top in self._found(_UPRIGHT, f"bar {colour}"):
            day = self.day(x)
            assert day not in bars
            bars[day] = (bottom, top)
        return bars

    def lines(self) -> list[list[tuple[float, float]]]:
        return [
            [(float(x), float(y)) for x, y in _POINT.findall(line)]
            for shape in self._shapes("line")
            for line in re.findall("M[^M]+", shape)
        ]

    def dots(self) -> list[tuple[float, float, str]]:
        """Return the points of the p95 from left to right, and how each is coloured."""
        return sorted(
            (x, y, kind)
            for kind in ("series", "late")
            for x, y in self._found(_POINT, f"dot {kind}")
        )

    def faults(self) -> set[int]:
        return {self.day(x) for x, _ in self._found(_POINT, "fault")}

    def limit(self) -> float | None:
        levels = self._levels("limit")
        return levels[0][1] if levels else None

    def assert_nothing_is_cut_off(self) -> None:
        _, _, width, height = (float(it) for it in self.elements[0][1]["viewbox"].split())
        points = [(x, y) for line in self.lines() for x, y in line]
        points += [(x, y) for x, y, _ in self.dots()]
        points += [(x, y) for x, y in self._found(_POINT, "fault")]
        for left, y, right in self._levels("grid") + self._levels("limit"):
            points += [(left, y), (right, y)]
        for colour in COLOURS.values():
            for x, bottom, top in self._found(_UPRIGHT, f"bar {colour}"):
                half = self.bar_width(colour) / 2
                points += [(x - half, bottom), (x + half, top)]
        assert all(0 <= x <= width and 0 <= y <= height for x, y in points)
        assert all(x - _DIGIT * len(text) >= 0 for x, text in self.texts["values"])
        assert all(_HALF_A_DAY <= x <= width - _HALF_A_DAY for x, _ in self.days)

    def bar_width(self, colour: str) -> float:
        (width,) = (
            it["stroke-width"] for _, it in self.elements if it.get("class") == f"bar {colour}"
        )
        return float(width)

    def _shapes(self, classes: str) -> list[str]:
        return [it["d"] for _, it in self.elements if it.get("class") == classes]

    def _found(self, pattern: re.Pattern[str], classes: str) -> list[tuple[float, ...]]:
        shapes = self._shapes(classes)
        return [tuple(map(float, found)) for it in shapes for found in pattern.findall(it)]

    def _levels(self, classes: str) -> list[tuple[float, ...]]:
        """Return from where, how high and up to where each level line goes."""
        return self._found(_LEVEL, classes)


def drawings(project: ProjectDays) -> list[Drawing]:
    """Return the charts that the page has for a project."""
    return _Charts(page(answers(projects=[project]), "warehouse.duckdb")).found[-2:]


class _Charts(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[Drawing] = []
        self._group: str | None = None
        self._tag = ""
        self._x = 0.0
        self.feed(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self._tag = tag
        if tag == "svg":
            self.found.append(Drawing(attributes))
            self._group = ""
        elif self._group == "hints":
            if tag == "path":
                self._x = float(attributes["d"].removeprefix("M").split()[0])
        elif self._group is not None:
            self.found[-1].elements.append((tag, attributes))
            self._group = attributes["class"] if tag == "g" else self._group
            self._x = float(attributes["x"]) if tag == "text" else 0.0

    @override
    def handle_endtag(self, tag: str) -> None:
        self._tag = ""
        if tag == "svg":
            self._group = None
        elif tag == "g":
            self._group = ""

    @override
    def handle_data(self, data: str) -> None:
        if self._group is None:
            return
        if self._tag == "text":
            self.found[-1].texts[self._group].append((self._x, data))
        elif self._tag == "title":
            self.found[-1].hints.append((self._x, data))
