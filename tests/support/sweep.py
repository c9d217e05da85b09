"""Runs many seeds on every core, adds up their figures, and names those that failed."""

from __future__ import annotations

import argparse
import logging
import os
import random
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from typing_extensions import Self

if TYPE_CHECKING:
    from collections.abc import Callable


class Figures(Protocol):
    """What many seeds add up to."""

    def add(self, other: Self) -> None: ...


F = TypeVar("F", bound=Figures)


def _one(number: int, *, prove: Callable[[int, bool], F], shrink: bool) -> tuple[F | None, str]:
    logging.disable(logging.CRITICAL)
    try:
        return prove(number, shrink), ""
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told with its seed
        notes = "\n".join(getattr(error, "__notes__", ())) if shrink else ""
        # Where threads decide, a history may fail in one run and not in the next.
        parts = "\n".join(f"{part!r}" for part in getattr(error, "exceptions", ()))
        return None, f"SEED={number}: {type(error).__name__}: {error}\n{parts}\n{notes}"


def sweep(
    description: str | None,
    option: str,
    most: int,
    prove: Callable[[int, bool], F],
    total: F,
    report: Callable[[F, int], str],
    *,
    a_seed: int = 1,
) -> int:
    """Run the command line of a sweep, and return its exit code.

    Args:
        description: of the command.
        option: how many there are to be, as the command line calls it.
        most: how many there are by default.
        prove: runs those of a seed, and looks for the shortest that fails if it is the only one.
        total: figures to which those of all seeds are added.
        report: makes a text of them, given how many seeds failed.
        a_seed: how many each seed stands for.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(f"--{option}", type=int, default=most, dest="most")
    parser.add_argument("--seed", type=int, help="run only this seed")
    arguments = parser.parse_args()
    first = random.SystemRandom().randrange(10**9)
    seeds = range(first, first + -(-arguments.most // a_seed))
    is_single = arguments.seed is not None
    failures, began = [], time.monotonic()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        one = partial(_one, prove=prove, shrink=is_single)
        for figures, failure in pool.map(one, [arguments.seed] if is_single else seeds):
            if figures is None:
                failures.append(failure)
            else:
                total.add(figures)
    for failure in failures:
        print(failure)
    print(f"{report(total, len(failures))}\n{time.monotonic() - began:.0f} s")
    return 1 if failures else 0
