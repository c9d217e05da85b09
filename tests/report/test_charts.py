"""The charts: read back from the page, they show what the warehouse answered."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from report.answers import ProjectDays
from report.formatting import duration, text
from tests.support.charts import COLOURS, drawings
from tests.support.pages import style

DAYS = [date(2026, 2, 3) + timedelta(days=day) for day in range(30)]
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
        st.fixed_dictionaries(dict.fromkeys(COLOURS, COUNTS)),
        min_size=len(DAYS),
        max_size=len(DAYS),
    ).map(lambda days: [{**day, "total_runs": sum(day.values())} for day in days]),
    p95=st.lists(SECONDS, min_size=len(DAYS), max_size=len(DAYS)),
)


def project_with(most: int) -> ProjectDays:
    row = {**dict.fromkeys(COLOURS, 0), "successful_runs": most, "total_runs": most}
    return ProjectDays("p", "sales", 60, DAYS, [row] * 30, [30.0, 90.0] * 15)


def is_drawn(seconds: float | None) -> bool:
    return seconds is not None and 0 <= seconds < math.inf


@settings(deadline=None, max_examples=25)
@given(PROJECTS)
def test_a_bar_is_as_high_as_its_runs(project: ProjectDays) -> None:
    runs, _ = drawings(project)

    assert runs.label == f"{text(project.name)}: runs a day"
    assert runs.values[-1] >= max(row["total_runs"] for row in project.runs)
    below = [0] * len(DAYS)
    for column, colour in COLOURS.items():
        bars = runs.bars(colour)
        assert bars.keys() == {day for day, row in enumerate(project.runs) if row[column]}
        for day, (bottom, top) in bars.items():
            assert runs.shows(bottom, below[day])
            below[day] += project.runs[day][column]
            assert runs.shows(top, below[day])


@settings(deadline=None, max_examples=25)
@given(PROJECTS)
def test_the_line_goes_through_each_p95_and_stops_where_there_is_none(project: ProjectDays) -> None:
    _, p95 = drawings(project)

    assert p95.label.startswith(f"{text(project.name)}: p95 a day in ")
    stretches = [
        list(days)
        for is_known, days in groupby(range(len(DAYS)), lambda day: is_drawn(project.p95[day]))
        if is_known
    ]
    lines = p95.lines()
    assert [[p95.day(x) for x, _ in line] for line in lines] == stretches
    assert [point for line in lines for point in line] == [(x, y) for x, y, _ in p95.dots()]
    for x, y, colour in p95.dots():
        seconds = project.p95[p95.day(x)]
        assert seconds is not None
        assert p95.shows(y, seconds / p95.unit)
        assert colour == ("late" if seconds > project.sla_seconds else "series")
    known = [seconds for seconds in project.p95 if seconds is not None and is_drawn(seconds)]
    highest = max(known, default=project.sla_seconds)
    limit, beyond = p95.limit(), [said for _, said in p95.texts["beyond"]]
    if project.sla_seconds > 3 * highest:
        assert (limit, beyond) == (None, [f"SLA {duration(project.sla_seconds)} ↑"])
    else:
        assert limit is not None
        assert p95.shows(limit, project.sla_seconds / p95.unit)
        assert beyond == []
        highest = max(highest, project.sla_seconds)
    assert highest <= p95.values[-1] * p95.unit <= max(2.5 * highest, 1)
    faults = {
        day
        for day, seconds in enumerate(project.p95)
        if seconds is not None and not is_drawn(seconds)
    }
    assert p95.faults() == faults


@settings(deadline=None, max_examples=20)
@given(PROJECTS)
def test_a_day_says_its_numbers_where_somebody_points_at_it(project: ProjectDays) -> None:
    runs, p95 = drawings(project)

    for drawing in (runs, p95):
        assert [drawing.day(x) for x, _ in drawing.hints] == list(range(len(DAYS)))
    for day, row, seconds, (_, of_runs), (_, of_p95) in zip(
        DAYS, project.runs, project.p95, runs.hints, p95.hints, strict=True
    ):
        words = {"successful_runs": "succeeded", "partial_runs": "in part", "failed_runs": "failed"}
        parts = [f"{row[name]:,} {word}" for name, word in words.items() if row[name]]
        said = ", ".join([f"{row['total_runs']:,} runs", *parts]) if parts else "no run"
        assert of_runs == f"{day.day} {day:%b}: {said}"
        over = seconds is not None and seconds > project.sla_seconds
        said = "not measured" if seconds is None else duration(seconds)
        assert of_p95 == f"{day.day} {day:%b}: {said}{', over the SLA' if over else ''}"


@settings(deadline=None, max_examples=25)
@given(PROJECTS)
def test_axes_that_can_be_read(project: ProjectDays) -> None:
    for drawing in drawings(project):
        assert [(drawing.day(x), text) for x, text in drawing.days] == [
            (29, "4 Mar"),
            (22, "25 Feb"),
            (15, "18 Feb"),
            (8, "11 Feb"),
            (1, "4 Feb"),
        ]
        step = drawing.values[1]
        assert drawing.values == list(range(0, 5 * step, step))[: len(drawing.values)]
        assert re.fullmatch("[125]0*", str(step))
        drawing.assert_nothing_is_cut_off()


@pytest.mark.parametrize(
    ("most", "values"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (9, [0, 5, 10]),
        (1_000, [0, 500, 1_000]),
        (3_600, [0, 1_000, 2_000, 3_000, 4_000]),
    ],
)
def test_few_whole_numbers(most: int, values: list[int]) -> None:
    runs, _ = drawings(project_with(most))

    assert runs.values == values


@pytest.mark.parametrize(
    ("sla_seconds", "longest", "unit", "highest", "mark"),
    [
        (1_800, 90, 1, 100, "SLA 30 min 0 s ↑"),
        (271, 90, 1, 100, "SLA 4 min 31 s ↑"),
        (270, 90, 60, 6, None),
        (1_800, 4_000, 60, 80, None),
        (1_800, 20_000, 3_600, 6, None),
        (1_800, None, 60, 30, None),
    ],
)
def test_the_axis_fits_the_p95s_and_an_sla_far_above_is_a_mark(
    sla_seconds: float, longest: float | None, unit: int, highest: int, mark: str | None
) -> None:
    project = replace(project_with(3), sla_seconds=sla_seconds, p95=[longest] * 30)
    _, p95 = drawings(project)

    assert (p95.unit, p95.values[-1]) == (unit, highest)
    assert [said for _, said in p95.texts["beyond"]] == ([mark] if mark else [])
    assert (p95.limit() is None) == bool(mark)


def test_all_colours_are_the_pages_which_has_them_for_light_and_dark() -> None:
    css = style()
    light, dark = (
        set(re.findall(r"(--[\w-]+):", block)) for block in re.findall(r":root \{([^}]*)\}", css)
    )
    assert light == dark
    broken = replace(project_with(3), p95=[None, -1.0, 30.0, 90.0, *[None] * 26])
    drawn = set()
    for drawing in drawings(broken):
        drawn |= drawing.classes
        for tag, attributes in drawing.elements:
            assert not {"fill", "stroke", "style"} & attributes.keys()
            # What has no class of its own is text, in a group that has one.
            assert attributes.get("class") or tag in {"svg", "text"}
    for name in drawn - {"values", "days", "bar", "dot", "hints", "beyond"}:
        assert re.search(rf"\.{name}\b[^{{}}]*\{{[^}}]*stroke: var\(--", css), name
    assert "svg text { fill: var(--ink-soft); }" in css
    assert drawn >= {"good", "line", "series", "late", "fault", "limit"}
