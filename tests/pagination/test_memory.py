"""Cause 7: memory does not grow with the rows. The short version of `make memory`."""

from __future__ import annotations

from tests.support.memory import FEW, MOST_TIMES, peak_kilobytes


def test_memory_of_ten_times_the_rows_is_about_the_same() -> None:
    assert peak_kilobytes(10 * FEW) <= MOST_TIMES * peak_kilobytes(FEW)
