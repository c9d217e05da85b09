"""Made-up histories and storms of many seeds, on every core: `make exactness` and `make storm`.

It adds up their figures, and names the seeds that failed.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from tests.support import histories, statistics_histories, storms
from tests.support.seeded import HISTORIES_A_SEED

if TYPE_CHECKING:
    from collections.abc import Callable

# What proves those of a seed, and how many each seed stands for.
KINDS: dict[str, tuple[Callable[..., Counter[str]], int]] = {
    "histories": (histories.prove, HISTORIES_A_SEED),
    "statistics": (statistics_histories.prove, HISTORIES_A_SEED),
    "storms": (storms.storm, 1),
}


def _one(number: int, *, kind: str, shrink: bool) -> tuple[Counter[str], str]:
    logging.disable(logging.CRITICAL)
    try:
        return KINDS[kind][0](number, shrink=shrink), ""
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told with its seed
        notes = "\n".join(getattr(error, "__notes__", ())) if shrink else ""
        # Where threads decide, a history may fail in one run and not in the next.
        parts = "\n".join(f"{part!r}" for part in getattr(error, "exceptions", ()))
        return Counter(), f"SEED={number}: {type(error).__name__}: {error}\n{parts}\n{notes}"


def main() -> int:
    """Run the command line, and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--most", type=int, default=0, help="how many there are to be, about")
    parser.add_argument("--seed", type=int, help="run only this seed, and shorten what fails")
    arguments = parser.parse_args()
    first = random.SystemRandom().randrange(10**9)
    seeds = range(first, first - (-arguments.most // KINDS[arguments.kind][1]))
    is_single = arguments.seed is not None
    total, failures, began = Counter[str](), list[str](), time.monotonic()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        one = partial(_one, kind=arguments.kind, shrink=is_single)
        for figures, failure in pool.map(one, [arguments.seed] if is_single else seeds):
            total.update(figures)
            failures += [failure] if failure else []
    for failure in failures:
        print(failure)
    print(", ".join(f"{name} {number}" for name, number in total.items()))
    print(f"failed seeds {len(failures)}; {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
