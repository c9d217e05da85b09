"""What a sync's memory peaks at, by the number of rows: `make memory`."""

from __future__ import annotations

from tests.support.memory import FEW, peak_kilobytes

MANY = 1_000_000
MOST_TIMES = 1.5

if __name__ == "__main__":
    few, many = peak_kilobytes(FEW), peak_kilobytes(MANY)
    print(f"{FEW} rows: {few / 1024:.1f} MB; {MANY} rows: {many / 1024:.1f} MB")
    print(f"{many / few:.2f} times; at most {MOST_TIMES} are allowed")
    assert many <= MOST_TIMES * few
