"""The charts show what the warehouse answered, and the page draws all of them."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from hypothesis import example, given, settings
from hypothesis import strategies as st

from report.answers import ProjectDays
from report.charts import Chart, p95_a_day, runs_a_day
from report.formatting import duration, text
from report.page import page
from tests.support.pages import answers, style

if TYPE_CHECKING:
    from collections.abc import Iterable

DAYS = [date(2026, 2, 3) + timedelta(days=day) for day in range(30)]
# The columns of a day's runs, and the class and the words for them, from the bottom of a bar up.
KINDS = {
    "successful_runs": ("good", "succeeded"),
    "partial_runs": ("partial", "in part"),
    "failed_runs": ("failed", "failed"),
}
COUNTS = st.sampled_from([0, 0, 1, 2, 3]) | st.integers(0, 1_000_000)
NO_DURATIONS = [-1.0, math.inf, -math.inf, math.nan]
SECONDS = (
    st.none() | st.sampled_from([0.0, 1_800.0, 1_800.001, *NO_DURATIONS]) | st.floats(-1e8, 1e8)
)
PROJECTS = st.builds(
    ProjectDays,
    project_id=st.just("p"),
    name=st.text(),
    sla_seconds=st.sampled_from([0.0, 30.0, 1_800.0, 2e8]) | st.floats(0, 1e8),
    dates=st.just(DAYS),
    runs=st.lists(
        st.fixed_dictionaries(dict.fromkeys(KINDS, COUNTS)),
        min_size=len(DAYS),
        max_size=len(DAYS),
    ).map(lambda days: [{**day, "total_runs": sum(day.values())} for day in days]),
    p95=st.lists(SECONDS, min_size=len(DAYS), max_size=len(DAYS)),
)
RUNS = {"successful_runs": 1, "partial_runs": 1, "failed_runs": 1, "total_runs": 3}
BROKEN = ProjectDays(
    "p", "sales & <co>", 60.0, DAYS, [RUNS] * 30, [None, -1.0, 30.0, 90.0, *[None] * 26]
)


def is_drawn(seconds: float | None) -> bool:
    return seconds is not None and 0 <= seconds < math.inf


def values(chart: Chart) -> list[int]:
    return [int(tick.text.replace(",", "")) for tick in chart.values]


def day(chart: Chart, x: float) -> int:
    """Return which day is at `x`, which must be its middle."""
    found = (x - chart.left) / (chart.right - chart.left) * len(DAYS) - 0.5
    assert abs(found - round(found)) < 0.05
    return round(found)


def shows(chart: Chart, y: float, value: float) -> bool:
    """Return whether `y` is as high as `value` by the texts of the axis."""
    zero, last = chart.values[0].at, chart.values[-1].at
    return abs(zero - (zero - last) * value / values(chart)[-1] - y) < 0.16


def assert_axes(chart: Chart, highest: float, hints: Iterable[str]) -> None:
    assert [(day(chart, x), said) for x, said in chart.days] == [
        (29, "4 Mar"),
        (22, "25 Feb"),
        (15, "18 Feb"),
        (8, "11 Feb"),
        (1, "4 Feb"),
    ]
    assert all(20 <= x <= chart.width - 20 for x, _ in chart.days)
    # Few round numbers: with the next smaller step there would be too many.
    step = values(chart)[1]
    assert values(chart) == list(range(0, len(chart.values) * step, step))
    assert re.fullmatch("[125]0*", str(step))
    assert values(chart)[-1] >= highest > values(chart)[-2] or step == values(chart)[-1] == 1
    assert highest > 4 * (step * 2 // 5 if str(step)[0] == "5" else step // 2) or step == 1
    assert highest <= 4 * step
    # They have room, of so much for each digit.
    assert all(chart.left - 4 - 6.5 * len(tick.text) >= 0 for tick in chart.values)
    assert 0 < chart.values[-1].at < chart.values[0].at < chart.height
    assert [day(chart, x) for x, _ in chart.hints] == list(range(len(DAYS)))
    assert [said for _, said in chart.hints] == [
        f"{it.day} {it:%b}: {said}" for it, said in zip(DAYS, hints, strict=True)
    ]


@settings(deadline=None, max_examples=50)
@given(PROJECTS)
def test_a_bar_is_as_high_as_its_runs(project: ProjectDays) -> None:
    chart = runs_a_day(project)
    said = []
    for row in project.runs:
        parts = [f"{row[name]:,} {words}" for name, (_, words) in KINDS.items() if row[name]]
        said.append(", ".join([f"{row['total_runs']:,} runs", *parts]) if parts else "no run")
    assert_axes(chart, max(row["total_runs"] for row in project.runs), said)
    assert chart.label == f"{text(project.name)}: runs a day"
    below = [0] * len(DAYS)
    for column, (colour, _) in KINDS.items():
        bars = {day(chart, bar.x): bar for bar in chart.bars.get(colour, ())}
        assert bars.keys() == {at for at, row in enumerate(project.runs) if row[column]}
        for at, bar in bars.items():
            assert shows(chart, bar.bottom, below[at])
            below[at] += project.runs[at][column]
            assert shows(chart, bar.top, below[at])


@settings(deadline=None, max_examples=50)
@given(PROJECTS)
@example(BROKEN)
@example(replace(BROKEN, sla_seconds=150, p95=[150.0] * 30))
@example(replace(BROKEN, sla_seconds=270, p95=[90.0] * 30))
@example(replace(BROKEN, sla_seconds=271, p95=[90.0] * 30))
@example(replace(BROKEN, sla_seconds=1_800, p95=[20_000.0] * 30))
def test_the_line_goes_through_each_p95_and_stops_where_there_is_none(project: ProjectDays) -> None:
    chart, sla = p95_a_day(project), project.sla_seconds
    highest = max((it for it in project.p95 if it is not None and is_drawn(it)), default=sla)
    if sla > 3 * highest:
        assert (chart.limit, chart.beyond) == (None, f"SLA {duration(sla)} ↑")
    else:
        highest = max(highest, sla)
    name = next(it for it, size in (("h", 3_600), ("min", 60), ("s", 0)) if highest >= 2 * size)
    unit = {"h": 3_600, "min": 60, "s": 1}[name]
    assert chart.label == f"{text(project.name)}: p95 a day in {name}"
    said = [
        "not measured" if it is None else f"{duration(it)}{', over the SLA' if it > sla else ''}"
        for it in project.p95
    ]
    assert_axes(chart, highest / unit, said)
    if chart.limit is not None:
        assert shows(chart, chart.limit, sla / unit)
        assert chart.beyond == ""
    stretches = [
        list(days)
        for is_known, days in groupby(range(len(DAYS)), lambda at: is_drawn(project.p95[at]))
        if is_known
    ]
    assert [[day(chart, point.x) for point in line] for line in chart.lines] == stretches
    for point in (point for line in chart.lines for point in line):
        seconds = project.p95[day(chart, point.x)]
        assert seconds is not None
        assert shows(chart, point.y, seconds / unit)
        assert point.is_late == (seconds > sla)
    assert [day(chart, x) for x in chart.faults] == [
        at for at, it in enumerate(project.p95) if it is not None and not is_drawn(it)
    ]


def test_the_page_draws_all_of_a_chart_in_its_colours_for_light_and_dark() -> None:
    css = style()
    light, dark = (
        set(re.findall(r"(--[\w-]+):", block)) for block in re.findall(r":root \{([^}]*)\}", css)
    )
    assert light == dark
    assert "svg text { fill: var(--ink-soft); }" in css
    far = replace(BROKEN, sla_seconds=1e6)
    for project, chart in (
        (BROKEN, runs_a_day(BROKEN)),
        (BROKEN, p95_a_day(BROKEN)),
        (far, p95_a_day(far)),
    ):
        svgs = re.findall("<svg.*?</svg>", page(answers(projects=[project]), ""), re.DOTALL)[-2:]
        svg = ET.fromstring(svgs["p95" in chart.label])  # noqa: S314 - the page's
        assert svg.get("aria-label") == chart.label
        assert svg.get("viewBox") == f"0 0 {chart.width} {chart.height}"
        assert {path.get("class"): path.get("d") for path in svg.findall("path")} == paths(chart)
        groups = {group.get("class"): group for group in svg.findall("g")}
        for kind, ticks in (("values", chart.values), ("days", chart.days)):
            assert [it.text for it in groups[kind]] == [tick.text for tick in ticks]
        assert [it.get("x") for it in groups["days"]] == [str(tick.at) for tick in chart.days]
        assert [it.get("y") for it in groups["values"]] == [str(it.at + 4) for it in chart.values]
        assert [it[0].text for it in groups["hints"]] == [tick.text for tick in chart.hints]
        assert [(it.get("d") or "")[1:].split()[0] for it in groups["hints"]] == [
            str(tick.at) for tick in chart.hints
        ]
        assert [it.text for it in groups.get("beyond", ())] == [chart.beyond] * bool(chart.beyond)
        for element in svg.iter():
            assert not {"fill", "stroke", "style"} & element.attrib.keys()
        colours = {name for it in svg.findall("path") for name in (it.get("class") or "").split()}
        for name in colours - {"bar", "dot"}:
            assert re.search(rf"\.{name}\b[^{{}}]*\{{[^}}]*stroke: var\(--", css), name


def paths(chart: Chart) -> dict[str, str]:
    """Return what is drawn of a chart, by its class."""
    level = f"M{chart.left} {{}}H{chart.right}".format
    found = {"grid": "".join(level(tick.at) for tick in chart.values)}
    for colour, bars in chart.bars.items():
        found[f"bar {colour}"] = "".join(f"M{it.x} {it.bottom}V{it.top}" for it in bars)
    if chart.lines:
        lines = ["L".join(f"{it.x} {it.y}" for it in line) for line in chart.lines]
        found["line"] = "".join(f"M{line}" for line in lines)
    for point in (point for line in chart.lines for point in line):
        kind = "dot late" if point.is_late else "dot series"
        found[kind] = f"{found.get(kind, '')}M{point.x} {point.y}h0"
    if chart.faults:
        found["fault"] = "".join(f"M{x} {chart.bottom - 5}m-4-4l8 8m0-8l-8 8" for x in chart.faults)
    return found | ({} if chart.limit is None else {"limit": level(chart.limit)})
