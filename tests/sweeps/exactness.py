"""Histories made up by hypothesis, as many as are asked for: `make exactness`."""

from __future__ import annotations

import sys

from tests.support.histories import prove
from tests.support.seeded import HISTORIES_A_SEED
from tests.support.simulation import Figures
from tests.support.sweep import sweep


def _prove(number: int, shrink: bool) -> Figures:
    return prove(HISTORIES_A_SEED, number, shrink=shrink)


def _extra(requests: int, pages: int) -> str:
    more = 100 * (requests / max(1, pages) - 1)
    return f"{requests} requests for {pages} pages, {more:.1f} % more"


def _report(total: Figures, failed: int) -> str:
    return (
        f"{total.histories} histories, {total.syncs} syncs ({total.cut} cut off), "
        f"{total.acts} writes, {total.records} records sent\n"
        f"lost {total.lost}, repeated {total.repeated}, failed seeds {failed}; "
        f"{total.owed} syncs said that rows are owed\n"
        f"where nothing moved: {_extra(total.quiet_requests, total.quiet_pages)}\n"
        f"where rows moved or a walk had been cut: {_extra(total.requests, total.pages)}"
    )


if __name__ == "__main__":
    code = sweep(__doc__, "histories", 3_000, _prove, Figures(), _report, a_seed=HISTORIES_A_SEED)
    sys.exit(code)
