"""Histories of statistics made up by hypothesis; `make exactness` runs them, too."""

from __future__ import annotations

import sys

from tests.support.seeded import HISTORIES_A_SEED
from tests.support.statistics_histories import prove
from tests.support.sweep import sweep

if __name__ == "__main__":
    sys.exit(sweep(__doc__, "histories", 1_000, prove, a_seed=HISTORIES_A_SEED))
