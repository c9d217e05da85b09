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

# The columns of a day's runs, and the colours of what is drawn for them, from the bottom up.
COLOURS = {"successful_runs": "good", "partial_runs": "partial", "failed_runs": "bad"}
_DAYS = 30
_COLOUR = re.compile(r"var\(--([\w-]+)\)")
_LINE = re.compile(r"M([\d.]+) ([\d.]+)H([\d.]+)")
# A unit's tenth is what is written; the scale is read from lines that are rounded, too.
_ROUNDED = 0.16
_DIGIT, _HALF_A_DAY = 6.5, 20


class Drawing:
    """One chart.

    Attributes:
        elements: each with its attributes.
        texts: where each begins, ends or has its middle, and what it says.
    """

    def __init__(self, attributes: dict[str, str]) -> None:
        self.label = attributes["aria-label"]
        self.elements: list[tuple[str, dict[str, str]]] = [("svg", attributes)]
        self.texts: list[tuple[float, str]] = []

    @property
    def days(self) -> list[tuple[float, str]]:
        return [(x, text) for x, text in self.texts if not text[0].isdigit()]

    @property
    def values(self) -> list[int]:
        return [int(text.replace(",", "")) for _, text in self.texts if text[0].isdigit()]

    @property
    def colours(self) -> set[str]:
        styles = (attributes.get("style", "") for _, attributes in self.elements)
        return {colour for style in styles for colour in _COLOUR.findall(style)}

    def day(self, x: float) -> int:
        """Return which day is at `x`, which must be its middle."""
        left, _, right = self._lines(dashed=False)[0]
        day = (x - left) / (right - left) * _DAYS - 0.5
        assert abs(day - round(day)) < 0.05
        return round(day)

    def shows(self, y: float, value: float) -> bool:
        """Return whether `y` is as high as `value` by the lines of the axis."""
        (_, zero, _), *_, (_, last, _) = self._lines(dashed=False)
        return abs(zero - (zero - last) * value / self.values[-1] - y) < _ROUNDED

    def bars(self, colour: str) -> dict[int, tuple[float, float]]:
        """Return by day from where to where its bar has this colour."""
        bars = {}
        for attributes in self._all("rect"):
            if _colour(attributes) == colour:
                x, y, width, height = (
                    float(attributes[it]) for it in ("x", "y", "width", "height")
                )
                day = self.day(x + width / 2)
                assert day not in bars
                bars[day] = (y + height, y)
        return bars

    def lines(self) -> list[list[tuple[float, float]]]:
        return [
            [(float(x), float(y)) for x, y in (it.split(",") for it in line["points"].split())]
            for line in self._all("polyline")
        ]

    def dots(self) -> list[tuple[float, float, str]]:
        dots = self._all("circle")
        return [(float(dot["cx"]), float(dot["cy"]), _colour(dot)) for dot in dots]

    def limit(self) -> float:
        ((_, y, _),) = self._lines(dashed=True)
        return y

    def assert_nothing_is_cut_off(self) -> None:
        _, _, width, height = (float(it) for it in self.elements[0][1]["viewbox"].split())
        points = [(x, y) for line in self.lines() for x, y in line]
        points += [(x, y) for x, y, _ in self.dots()]
        for dashed in (False, True):
            for left, y, right in self._lines(dashed=dashed):
                points += [(left, y), (right, y)]
        for bar in self._all("rect"):
            x, y = float(bar["x"]), float(bar["y"])
            points += [(x, y), (x + float(bar["width"]), y + float(bar["height"]))]
        assert all(0 <= x <= width and 0 <= y <= height for x, y in points)
        for x, text in self.texts:
            if text[0].isdigit():
                assert x - _DIGIT * len(text) >= 0
            else:
                assert _HALF_A_DAY <= x <= width - _HALF_A_DAY

    def _all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def _lines(self, *, dashed: bool) -> list[tuple[float, float, float]]:
        """Return from where, how high and up to where each level line goes."""
        lines = []
        for attributes in self._all("path"):
            found = _LINE.fullmatch(attributes["d"])
            assert found
            if ("stroke-dasharray" in attributes) == dashed:
                lines.append((float(found[1]), float(found[2]), float(found[3])))
        return lines


def drawings(project: ProjectDays) -> list[Drawing]:
    """Return the charts that the page has for a project."""
    return _Charts(page(answers(projects=[project]), "warehouse.duckdb")).found


def _colour(attributes: dict[str, str]) -> str:
    (colour,) = _COLOUR.findall(attributes["style"])
    return str(colour)


class _Charts(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[Drawing] = []
        self._is_inside = False
        self._x: float | None = None
        self.feed(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "svg":
            self.found.append(Drawing(attributes))
            self._is_inside = True
        elif self._is_inside:
            self.found[-1].elements.append((tag, attributes))
            self._x = float(attributes["x"]) if tag == "text" else None

    @override
    def handle_endtag(self, tag: str) -> None:
        self._is_inside = self._is_inside and tag != "svg"
        self._x = None

    @override
    def handle_data(self, data: str) -> None:
        if self._x is not None:
            self.found[-1].texts.append((self._x, data))
