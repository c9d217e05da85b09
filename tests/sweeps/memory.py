"""What a sync's memory peaks at, by the number of rows: `make memory`."""

from __future__ import annotations

import sys

from tests.support.memory import FEW, MOST_TIMES, peak_kilobytes

MANY = 1_000_000


def main() -> int:
    """Print the peaks and their ratio; 1 if that is too much."""
    few, many = peak_kilobytes(FEW), peak_kilobytes(MANY)
    print(f"{FEW} rows: {few / 1024:.1f} MB; {MANY} rows: {many / 1024:.1f} MB")
    print(f"{many / few:.2f} times; at most {MOST_TIMES} are allowed")
    return 1 if many > MOST_TIMES * few else 0


if __name__ == "__main__":
    sys.exit(main())
