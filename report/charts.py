"""Charts as SVG text that takes its colours from the page, so that light and dark both fit."""

from __future__ import annotations

import io
import re
from html import escape
from math import isnan, nan
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from matplotlib.axes import Axes

    from report.answers import ProjectDays

# What matplotlib is told to draw with, and the page's variable that stands for it in the end.
_COLOURS = {
    "#010101": "--ink-soft",
    "#020202": "--line",
    "#030303": "--good",
    "#040404": "--partial",
    "#050505": "--bad",
    "#060606": "--series",
}
_INK, _LINE, _GOOD, _PARTIAL, _BAD, _SERIES = _COLOURS
_INCHES = (5.0, 2.2)
_NOTHING = nan
# Any: matplotlib types the names themselves, and each version has other names.
_STYLE: dict[Any, Any] = {
    # Text stays text: it can be read out, found and copied, and needs no outlines in the file.
    "svg.fonttype": "none",
    # The same answers give the same file.
    "svg.hashsalt": "tap-dagctl",
    "font.size": 10.5,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.edgecolor": _LINE,
    "grid.color": _LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
}


def runs_a_day(project: ProjectDays) -> str:
    """Draw the runs of each day, by how they ended."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(project.dates)
        bottom = [0] * len(project.dates)
        for name, colour in (
            ("successful_runs", _GOOD),
            ("partial_runs", _PARTIAL),
            ("failed_runs", _BAD),
        ):
            heights = [row[name] for row in project.runs]
            axes.bar(range(len(heights)), heights, bottom=bottom, color=colour, width=0.72)
            bottom = [below + height for below, height in zip(bottom, heights, strict=True)]
        axes.set_ylim(0, max([*bottom, 1]) * 1.08)
        return _svg(figure, f"{project.name}: runs a day")


def p95_a_day(project: ProjectDays) -> str:
    """Draw the p95 of each day in minutes, against the line that it must not cross."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(project.dates)
        # What is nan is not drawn: a day without a p95 breaks the line, as nothing is known of it.
        minutes = [_NOTHING if seconds is None else seconds / 60 for seconds in project.p95]
        late = [seconds is not None and seconds > project.sla_seconds for seconds in project.p95]
        limit = project.sla_seconds / 60
        axes.plot(minutes, color=_SERIES, linewidth=2, clip_on=False)
        for breaks, colour, size in ((False, _SERIES, 3), (True, _BAD, 7)):
            points = [y if it is breaks else _NOTHING for y, it in zip(minutes, late, strict=True)]
            axes.plot(points, "o", color=colour, markersize=size, clip_on=False)
        axes.axhline(limit, color=_BAD, linewidth=1, linestyle=(0, (4, 3)))
        highest = max([limit, *(it for it in minutes if not isnan(it))]) or 1
        axes.set_ylim(0, highest * 1.15)
        return _svg(figure, f"{project.name}: p95 a day in minutes")


def _axes(dates: Sequence[date]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.subplots()
    axes.set_xlim(-0.6, len(dates) - 0.4)
    ticks = range(len(dates) - 1, -1, -7)
    axes.set_xticks(list(ticks), [f"{dates[tick]:%b} {dates[tick].day}" for tick in ticks])
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.grid(axis="y", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    return figure, axes


def _svg(figure: Figure, label: str) -> str:
    # matplotlib draws the figure's and the axes' background, which is the page's own.
    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    svg = text[text.index("<svg") :]
    # Ids are the same in every chart, and nothing on the page refers to these.
    svg = re.sub(
        r' id="(figure|axes|patch|line2d|text|matplotlib|xtick|ytick|LineCollection)[^"]*"', "", svg
    )
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # The page gives the size, the font and the namespace.
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    svg = re.sub(r"font-family: [^;]*; ", "", svg)
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg)
    for colour, variable in _COLOURS.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)
