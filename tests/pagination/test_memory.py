"""Cause 7: memory does not grow with the rows. The short version of `make memory`."""

from __future__ import annotations

from tests.support.memory import FEW, peak_kilobytes

# What is kept of a row takes 8 to 16 bytes.
MOST_BYTES_A_ROW = 60


def test_memory_of_ten_times_the_rows_is_about_the_same() -> None:
    more = peak_kilobytes(10 * FEW) - peak_kilobytes(FEW)
    assert more * 1024 / (9 * FEW) <= MOST_BYTES_A_ROW
