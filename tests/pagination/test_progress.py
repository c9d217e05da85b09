from __future__ import annotations

import logging
from itertools import count

import pytest

from tap_dagctl.pagination import progress


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
            walk.report(rows=page * 500, total=5_000)

    assert [message for *_, message in caplog.record_tuples] == [
        "runs of proj_a: page 4 of 10, 2000 rows, 167 rows/s, about 18 s left",
        "runs of proj_a: page 8 of 10, 4000 rows, 167 rows/s, about 6 s left",
    ]
