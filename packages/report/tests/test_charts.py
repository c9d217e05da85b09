"""The charts show what the warehouse answered, and the page draws all of them."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from report.answers import ProjectDays
from report.charts import Chart, p95_a_day, runs_a_day
from report.formatting import duration
from tests.support.pages import answers, page_of, style

DAYS = [date(2026, 2, 3) + timedelta(days=day) for day in range(30)]
# The columns of a day's runs, and the class and the words for them, from the bottom of a bar up.
KINDS = {
    "successful_runs": ("good", "succeeded"),
    "partial_runs": ("partial", "in part"),
    "failed_runs": ("failed", "failed"),
}
COUNTS = st.sampled_from([0, 0, 1, 2, 3]) | st.integers(0, 1_000_000)
SECONDS = (
    st.none()
    | st.sampled_from([0.0, 1_800.0, 1_800.001, -1.0, math.inf, -math.inf, math.nan])
    | st.floats(-1e8, 1e8)
)
PROJECTS = st.builds(
    ProjectDays,
    project_id=st.just("p"),
    name=st.just("sales"),
    sla_seconds=st.sampled_from([0.0, 30.0, 1_800.0, 2e8]) | st.floats(0, 1e8),
    dates=st.just(DAYS),
    runs=st.lists(
        st.fixed_dictionaries(dict.fromkeys(KINDS, COUNTS)), min_size=30, max_size=30
    ).map(lambda days: [{**day, "total_runs": sum(day.values())} for day in days]),
    p95=st.lists(SECONDS, min_size=30, max_size=30),
)
RUNS = {"successful_runs": 1, "partial_runs": 1, "failed_runs": 1, "total_runs": 3}
BROKEN = ProjectDays("p", "sales", 60.0, DAYS, [RUNS] * 30, [None, -1.0, 30.0, 90.0] + [None] * 26)


def is_drawn(seconds: float | None) -> bool:
    return seconds is not None and 0 <= seconds < math.inf


def day(chart: Chart, x: float) -> int:
    """Return which day is at `x`, which must be its middle."""
    found = (x - chart.left) / (chart.right - chart.left) * len(DAYS) - 0.5
    assert found == pytest.approx(round(found), abs=0.05)
    return round(found)


def is_at(chart: Chart, y: float, value: float) -> bool:
    """Return whether `y` is as high as a value by the texts of the axis, up to a tenth."""
    zero, last = chart.values[0], chart.values[-1]
    expected = zero.at - (zero.at - last.at) * value / int(last.text.replace(",", ""))
    return abs(expected - y) < 0.16


def assert_axes(chart: Chart, highest: float, hints: list[str]) -> None:
    assert [it.text for it in chart.days] == ["4 Mar", "25 Feb", "18 Feb", "11 Feb", "4 Feb"]
    assert [day(chart, it.at) for it in chart.days] == [29, 22, 15, 8, 1]
    # Few round numbers.
    texts = [int(it.text.replace(",", "")) for it in chart.values]
    assert re.fullmatch("[125]0*", str(texts[1]))
    assert texts == [at * texts[1] for at in range(len(texts))]
    assert len(texts) <= 5
    assert texts[-1] >= highest > texts[-2] or texts == [0, 1]
    assert [day(chart, x) for x, _ in chart.hints] == list(range(30))
    said = zip(DAYS, hints, strict=True)
    assert [hint for _, hint in chart.hints] == [f"{it.day} {it:%b}: {text}" for it, text in said]


@given(PROJECTS)
def test_a_bar_is_as_high_as_its_runs(project: ProjectDays) -> None:
    chart, said = runs_a_day(project), []
    for row in project.runs:
        parts = [f"{row[name]:,} {words}" for name, (_, words) in KINDS.items() if row[name]]
        said.append(", ".join([f"{row['total_runs']:,} runs", *parts]) if parts else "no run")
    highest = max(row["total_runs"] for row in project.runs)
    assert_axes(chart, highest, said)
    below = [0] * 30
    for column, (colour, _) in KINDS.items():
        bars = {day(chart, bar.x): bar for bar in chart.bars.get(colour, ())}
        assert bars.keys() == {at for at, row in enumerate(project.runs) if row[column]}
        for at, bar in bars.items():
            above = below[at] + project.runs[at][column]
            assert is_at(chart, bar.bottom, below[at])
            assert is_at(chart, bar.top, above)
            below[at] = above


@given(PROJECTS)
@example(BROKEN)
@example(replace(BROKEN, sla_seconds=270, p95=[90.0] * 30))
@example(replace(BROKEN, sla_seconds=271, p95=[90.0] * 30))
@example(replace(BROKEN, sla_seconds=1_800, p95=[20_000.0] * 30))
def test_the_line_goes_through_each_p95_and_stops_where_there_is_none(project: ProjectDays) -> None:
    chart, sla = p95_a_day(project), project.sla_seconds
    highest = max((it for it in project.p95 if it is not None and is_drawn(it)), default=sla)
    is_beyond = sla > 3 * highest
    assert chart.beyond == f"SLA {duration(sla)} ↑" * is_beyond
    assert (chart.limit is None) == is_beyond
    highest = highest if is_beyond else max(highest, sla)
    units = {"h": 3_600, "min": 60, "s": 1}
    name = next(it for it, size in units.items() if highest >= 2 * size or size == 1)
    assert chart.label == f"sales: p95 a day in {name}"
    said = [
        "not measured" if it is None else f"{duration(it)}{', over the SLA' if it > sla else ''}"
        for it in project.p95
    ]
    assert_axes(chart, highest / units[name], said)
    points = [(point.y, project.p95[day(chart, point.x)]) for it in chart.lines for point in it]
    for y, seconds in points if chart.limit is None else [*points, (chart.limit, sla)]:
        assert is_at(chart, y, (seconds or 0) / units[name])
    stretches = [
        [(at, (project.p95[at] or 0) > sla) for at in days]
        for is_known, days in groupby(range(30), lambda at: is_drawn(project.p95[at]))
        if is_known
    ]
    assert [[(day(chart, it.x), it.is_late) for it in line] for line in chart.lines] == stretches
    faults = [at for at, it in enumerate(project.p95) if it is not None and not is_drawn(it)]
    assert [day(chart, x) for x in chart.faults] == faults


@pytest.mark.parametrize("sla", [60.0, 1e6])
def test_the_page_draws_each_part_of_a_chart_in_a_colour(sla: float) -> None:
    project = replace(BROKEN, sla_seconds=sla)
    text = page_of(answers(projects=[project])).text
    svgs = map(ET.fromstring, re.findall("<svg.*?</svg>", text, re.DOTALL)[-2:])
    for svg, chart in zip(svgs, (runs_a_day(project), p95_a_day(project)), strict=True):
        assert svg.get("aria-label") == chart.label
        ticks = (*chart.values, *chart.days, *chart.hints)
        texts = {it.text for it in ticks} | {chart.beyond} - {""}
        assert {it.strip() for it in svg.itertext() if it.strip()} == texts
        paths = {it.get("class") or "": it.get("d") or "" for it in svg.findall("path")}
        for kind, bars in chart.bars.items():
            drawn = "".join(f"M{it.x} {it.bottom}V{it.top}" for it in bars)
            assert paths.pop(f"bar {kind}") == drawn
        parts = {"grid": chart.values, "line": chart.lines, "fault": chart.faults}
        parts |= {f"dot {kind}": points for kind, points in chart.dots.items()}
        parts |= {} if chart.limit is None else {"limit": [chart.limit]}
        counts = {kind: len(its) for kind, its in parts.items() if its}
        assert {kind: path.count("M") for kind, path in paths.items()} == counts
        for name in {word for it in svg.iter("path") for word in (it.get("class") or "").split()}:
            colour = rf"\.{name}\b[^{{}}]*\{{[^}}]*stroke: var\(--"
            assert name in {"bar", "dot"} or re.search(colour, style())
