"""Runs many seeds on every core, adds up their figures, and names those that failed."""

from __future__ import annotations

import argparse
import logging
import os
import random
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Prove = Callable[..., Counter[str]]


def _one(number: int, *, prove: Prove, shrink: bool) -> tuple[Counter[str], str]:
    logging.disable(logging.CRITICAL)
    try:
        return prove(number, shrink=shrink), ""
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told with its seed
        notes = "\n".join(getattr(error, "__notes__", ())) if shrink else ""
        # Where threads decide, a history may fail in one run and not in the next.
        parts = "\n".join(f"{part!r}" for part in getattr(error, "exceptions", ()))
        return Counter(), f"SEED={number}: {type(error).__name__}: {error}\n{parts}\n{notes}"


def sweep(description: str | None, option: str, most: int, prove: Prove, *, a_seed: int = 1) -> int:
    """Run the command line of a sweep, and return its exit code.

    Args:
        description: of the command.
        option: how many there are to be, as the command line calls it.
        most: how many there are by default.
        prove: runs those of a seed, and looks for the shortest that fails if it is the only one.
        a_seed: how many each seed stands for.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(f"--{option}", type=int, default=most, dest="most")
    parser.add_argument("--seed", type=int, help="run only this seed")
    arguments = parser.parse_args()
    first = random.SystemRandom().randrange(10**9)
    seeds = range(first, first + -(-arguments.most // a_seed))
    is_single = arguments.seed is not None
    total, failures, began = Counter[str](), list[str](), time.monotonic()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        one = partial(_one, prove=prove, shrink=is_single)
        for figures, failure in pool.map(one, [arguments.seed] if is_single else seeds):
            total.update(figures)
            failures += [failure] if failure else []
    for failure in failures:
        print(failure)
    print(", ".join(f"{name} {number}" for name, number in total.items()))
    print(f"failed seeds {len(failures)}; {time.monotonic() - began:.0f} s")
    return 1 if failures else 0
