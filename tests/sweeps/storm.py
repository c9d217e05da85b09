"""Syncs in which every request may meet a fault: `make storm`."""

from __future__ import annotations

import argparse
import logging
import os
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.support.storms import Figures, storm


def _one(seed: int) -> tuple[Figures, str]:
    logging.disable(logging.CRITICAL)
    try:
        return storm(seed), ""
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told with its seed
        return Figures(), f"SEED={seed}: {type(error).__name__}: {error}"


def main() -> int:
    """Run many storms, on every core."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--storms", type=int, default=200)
    parser.add_argument("--seed", type=int, help="run only the storm of this seed")
    options = parser.parse_args()
    first = random.SystemRandom().randrange(10**9)
    seeds = range(first, first + options.storms) if options.seed is None else [options.seed]
    total, failures, began = Figures(), [], time.monotonic()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for figures, failure in pool.map(_one, seeds):
            total.add(figures)
            if failure:
                failures.append(failure)
    kinds = ", ".join(f"{name} {times}" for name, times in total.faults.most_common())
    for failure in failures:
        print(failure)
    print(
        f"{total.syncs} syncs, {total.requests} requests, {sum(total.faults.values())} faults, "
        f"{total.retries} retries, {total.records} records sent\n"
        f"failed seeds {len(failures)}; {time.monotonic() - began:.0f} s\n{kinds}"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
