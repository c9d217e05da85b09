"""Histories made up by hypothesis, as many as are asked for: `make exactness`."""

from __future__ import annotations

import sys

from tests.support.histories import prove
from tests.support.seeded import HISTORIES_A_SEED
from tests.support.sweep import sweep

if __name__ == "__main__":
    sys.exit(sweep(__doc__, "histories", 3_000, prove, a_seed=HISTORIES_A_SEED))
