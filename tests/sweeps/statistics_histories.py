"""Histories of statistics made up by hypothesis; `make exactness` runs them, too."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from tests.support.seeded import HISTORIES_A_SEED
from tests.support.statistics_histories import prove
from tests.support.statistics_simulation import Figures

if TYPE_CHECKING:
    from collections.abc import Iterable


def _one(number: int, *, shrink: bool) -> tuple[Figures, str]:
    try:
        return prove(HISTORIES_A_SEED, number, shrink=shrink), ""
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told with its seed
        notes = "\n".join(getattr(error, "__notes__", ())) if shrink else ""
        return Figures(), f"SEED={number}: {type(error).__name__}: {error}\n{notes}"


def main() -> int:
    """Prove it with many histories, on every core."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=1_000)
    parser.add_argument("--seed", type=int, help="run only the histories of this seed")
    arguments = parser.parse_args()
    first = random.SystemRandom().randrange(10**9)
    seeds: Iterable[int] = range(first, first + -(-arguments.histories // HISTORIES_A_SEED))
    if arguments.seed is not None:
        seeds = [arguments.seed]
    total, failures, began = Figures(), [], time.monotonic()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for figures, failure in pool.map(partial(_one, shrink=arguments.seed is not None), seeds):
            total.add(figures)
            if failure:
                failures.append(failure)
    for failure in failures:
        print(failure)
    print(
        f"statistics: {total.histories} histories, {total.syncs} syncs ({total.cut} cut off), "
        f"{total.records} records sent, {total.checked} days and windows checked, "
        f"failed seeds {len(failures)}\n"
        f"{time.monotonic() - began:.0f} s"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
