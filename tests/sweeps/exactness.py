"""Histories made up by hypothesis, as many as are asked for: `make exactness`."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from tests.support.histories import prove
from tests.support.seeded import HISTORIES_A_SEED
from tests.support.simulation import Figures

if TYPE_CHECKING:
    from collections.abc import Iterable


def _seeds(first: int, histories: int) -> Iterable[int]:
    return range(first, first + -(-histories // HISTORIES_A_SEED))


def _one(number: int, *, shrink: bool) -> tuple[Figures, str]:
    try:
        return prove(HISTORIES_A_SEED, number, shrink=shrink), ""
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told with its seed
        notes = "\n".join(getattr(error, "__notes__", ())) if shrink else ""
        return Figures(), f"SEED={number}: {type(error).__name__}: {error}\n{notes}"


def _extra(requests: int, pages: int) -> str:
    more = 100 * (requests / max(1, pages) - 1)
    return f"{requests} requests for {pages} pages, {more:.1f} % more"


def main() -> int:
    """Prove it with many histories, on every core."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=3_000)
    parser.add_argument("--seed", type=int, help="run only the histories of this seed")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        seeds: Iterable[int] = [arguments.seed]
    else:
        seeds = _seeds(random.SystemRandom().randrange(10**9), arguments.histories)
    total, failures, began = Figures(), [], time.monotonic()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for figures, failure in pool.map(partial(_one, shrink=arguments.seed is not None), seeds):
            total.add(figures)
            if failure:
                failures.append(failure)
    for failure in failures:
        print(failure)
    print(
        f"{total.histories} histories, {total.syncs} syncs ({total.cut} cut off), "
        f"{total.acts} writes, {total.records} records sent\n"
        f"lost {total.lost}, repeated {total.repeated}, failed seeds {len(failures)}\n"
        f"where nothing moved: {_extra(total.quiet_requests, total.quiet_pages)}\n"
        f"where rows moved or a walk had been cut: {_extra(total.requests, total.pages)}\n"
        f"{time.monotonic() - began:.0f} s"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
