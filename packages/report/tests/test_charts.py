"""The charts show what the warehouse answered, and the page draws all of them."""

from __future__ import annotations

import re
from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest

from report.answers import ProjectDays
from report.charts import Chart, overview, p95_a_day, runs_a_day
from tests.support.pages import answers, page_of, style

DAYS = [date(2026, 2, 3) + timedelta(days=day) for day in range(30)]
NONE = {"successful_runs": 0, "partial_runs": 0, "failed_runs": 0, "total_runs": 0}
RUNS = [NONE, {**NONE, "successful_runs": 9_000, "failed_runs": 2_000, "total_runs": 11_000}] * 15
P95 = [None, -1.0, 30.0, 90.0, None, 60.0, *[None] * 24]


def project(sla: float, p95: list[float | None] = P95) -> ProjectDays:
    return ProjectDays("p", "sales", sla, DAYS, RUNS, p95)


def day(chart: Chart, x: float) -> int:
    """Return which day is at `x`, which must be its middle."""
    found = (x - chart.left) / (chart.right - chart.left) * len(DAYS) - 0.5
    assert found == pytest.approx(round(found), abs=0.05)
    return round(found)


def value(chart: Chart, y: float) -> float:
    """Return what is as high as `y` by the texts of the axis."""
    zero, last = chart.values[0], chart.values[-1]
    return round((zero.at - y) / (zero.at - last.at) * int(last.text.replace(",", "")), -1)


def test_a_bar_is_as_high_as_its_runs() -> None:
    chart = runs_a_day(project(60))
    assert [it.text for it in chart.values] == ["0", "5,000", "10,000", "15,000"]
    days = [(day(chart, it.at), it.text) for it in chart.days]
    assert days == [(29, "4 Mar"), (22, "25 Feb"), (15, "18 Feb"), (8, "11 Feb"), (1, "4 Feb")]
    assert [it.text for it in chart.hints[:2]] == [
        "3 Feb: no run",
        "4 Feb: 11,000 runs, 9,000 succeeded, 2,000 failed",
    ]
    for kind, ends in {"good": (0, 9_000), "failed": (9_000, 11_000)}.items():
        bars = chart.bars.pop(kind)
        assert [day(chart, it.x) for it in bars] == [*range(1, 30, 2)]
        for bar in bars:
            found = value(chart, bar.bottom), value(chart, bar.top)
            assert found == pytest.approx(ends, abs=10)
    assert chart.bars == {}


def test_the_line_goes_through_each_p95_and_stops_where_there_is_none() -> None:
    chart = p95_a_day(project(60))
    lines = [[(day(chart, it.x), it.is_late) for it in line] for line in chart.lines]
    assert lines == [[(2, False), (3, True)], [(5, False)]]
    heights = [value(chart, it.y) for line in chart.lines for it in line]
    assert heights == [30, 90, 60] == [*heights[:2], value(chart, chart.limit or 0)]
    assert [day(chart, x) for x in chart.faults] == [1]
    assert [it.text for it in chart.hints[:4]] == [
        "3 Feb: not measured",
        "4 Feb: -1.0 s (fault)",
        "5 Feb: 30.0 s",
        "6 Feb: 1 min 30 s, over the SLA",
    ]


def test_the_first_two_are_of_all_projects_together() -> None:
    runs, late = overview([project(60), project(60, [90.0] * 30)])
    assert value(runs, runs.bars["failed"][0].top) == pytest.approx(22_000, abs=10)
    assert [it.text for it in late.hints[2:4]] == [
        "5 Feb: 1 of 2 projects",
        "6 Feb: 2 of 2 projects",
    ]
    tops = {day(late, it.x): it.top for it in late.bars["late"]}
    one, two = (it.at for it in late.values[1:])
    assert tops == {**dict.fromkeys(range(30), one), 3: two}


def test_the_numbers_behind_the_charts() -> None:
    shown = page_of(answers(projects=[project(60)]))
    numbers = shown.table("numbers")[:0:-1]
    assert numbers[3] == [
        *("6 Feb 2026", "11,000", "9,000", "0", "2,000"),
        "1 min 30 s (over the SLA)",
    ]
    assert [row[-1] for row in numbers[:2]] == ["not measured", "-1.0 s (fault)"]
    assert shown.said("em") == [numbers[3][-1]]
    assert shown.said("b")[-1] == numbers[1][-1]


@pytest.mark.parametrize(
    ("sla", "p95", "unit", "highest", "beyond"),
    [
        (270, 90.0, "min", "6", ""),
        (271, 90.0, "s", "100", "SLA 4 min 31 s ↑"),
        (119, 90.0, "s", "150", ""),
        (1_800, 20_000.0, "h", "6", ""),
        (0, 0.0, "s", "1", ""),
        (60, None, "s", "60", ""),
    ],
)
def test_an_axis_fits_what_was_measured(
    sla: float, p95: float | None, unit: str, highest: str, beyond: str
) -> None:
    chart = p95_a_day(project(sla, [p95] * 30))
    assert chart.label == f"sales: p95 a day in {unit}"
    assert (chart.values[-1].text, chart.beyond) == (highest, beyond)
    assert (chart.limit is None) == bool(beyond)


@pytest.mark.parametrize("sla", [60.0, 1e6])
def test_the_page_draws_each_part_of_a_chart_in_a_colour(sla: float) -> None:
    drawn = project(sla)
    text = page_of(answers(projects=[drawn])).text
    svgs = map(ET.fromstring, re.findall("<svg.*?</svg>", text, re.DOTALL))
    charts = (*overview([drawn]), runs_a_day(drawn), p95_a_day(drawn))
    for svg, chart in zip(svgs, charts, strict=True):
        assert svg.get("aria-label") == chart.label
        ticks = (*chart.values, *chart.days, *chart.hints)
        texts = {it.text for it in ticks} | {chart.beyond} - {""}
        assert {it.strip() for it in svg.itertext() if it.strip()} == texts
        paths = {it.get("class") or "": it.get("d") or "" for it in svg.findall("path")}
        for kind, bars in chart.bars.items():
            bar = "".join(f"M{it.x} {it.bottom}V{it.top}" for it in bars)
            assert paths.pop(f"bar {kind}") == bar
        parts = {"grid": chart.values, "line": chart.lines, "fault": chart.faults}
        parts |= {f"dot {kind}": points for kind, points in chart.dots.items()}
        parts |= {} if chart.limit is None else {"limit": [chart.limit]}
        counts = {kind: len(its) for kind, its in parts.items() if its}
        assert {kind: path.count("M") for kind, path in paths.items()} == counts
        for name in {word for it in svg.iter("path") for word in (it.get("class") or "").split()}:
            colour = rf"\.{name}\b[^{{}}]*\{{[^}}]*stroke: var\(--"
            assert name in {"bar", "dot"} or re.search(colour, style())
