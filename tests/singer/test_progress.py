from __future__ import annotations

import logging
from itertools import count

import pytest

from tap_dagctl.singer import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three seconds pass between any two looks at the clock."""
    seconds = count(0, 3)
    monkeypatch.setattr("time.monotonic", lambda: float(next(seconds)))


@pytest.mark.usefixtures("clock")
def test_a_long_walk_says_how_far_it_is_about_every_ten_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    walk = progress.Progress("runs of proj_a", 500)
    with caplog.at_level(logging.INFO):
        for page in range(1, 11):
            walk.report(page * 500, 5_000)

    assert [message for *_, message in caplog.record_tuples] == [
        "runs of proj_a: page 4 of 10, 2000 rows, 125 rows/s, about 24 s left",
        "runs of proj_a: page 8 of 10, 4000 rows, 146 rows/s, about 7 s left",
    ]


@pytest.mark.usefixtures("clock")
def test_a_sync_of_many_projects_says_how_many_are_done(caplog: pytest.LogCaptureFixture) -> None:
    projects = progress.Progress("projects")
    with caplog.at_level(logging.INFO):
        for number in range(9):
            projects.report(number, 9)

    assert [message for *_, message in caplog.record_tuples] == [
        "projects: 3 of 9, about 24 s left",
        "projects: 7 of 9, about 7 s left",
    ]
