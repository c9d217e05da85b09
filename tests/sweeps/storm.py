"""Syncs in which every request may meet a fault: `make storm`."""

from __future__ import annotations

import sys

from tests.support.storms import Figures, storm
from tests.support.sweep import sweep


def _prove(number: int, shrink: bool) -> Figures:
    del shrink  # a storm is as short as can be
    return storm(number)


def _report(total: Figures, failed: int) -> str:
    kinds = ", ".join(f"{name} {times}" for name, times in total.faults.most_common())
    return (
        f"{total.syncs} syncs, {total.requests} requests, {sum(total.faults.values())} faults, "
        f"{total.retries} retries, {total.records} records sent\nfailed seeds {failed}\n{kinds}"
    )


if __name__ == "__main__":
    sys.exit(sweep(__doc__, "storms", 200, _prove, Figures(), _report))
