"""Histories of statistics made up by hypothesis; `make exactness` runs them, too."""

from __future__ import annotations

import sys

from tests.support.seeded import HISTORIES_A_SEED
from tests.support.statistics_histories import prove
from tests.support.statistics_simulation import Figures
from tests.support.sweep import sweep


def _prove(number: int, shrink: bool) -> Figures:
    return prove(HISTORIES_A_SEED, number, shrink=shrink)


def _report(total: Figures, failed: int) -> str:
    return (
        f"statistics: {total.histories} histories, {total.syncs} syncs ({total.cut} cut off), "
        f"{total.records} records sent, {total.checked} days and windows checked, "
        f"failed seeds {failed}"
    )


if __name__ == "__main__":
    code = sweep(__doc__, "histories", 1_000, _prove, Figures(), _report, a_seed=HISTORIES_A_SEED)
    sys.exit(code)
