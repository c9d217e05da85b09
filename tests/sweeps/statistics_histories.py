"""Histories of statistics made up by hypothesis; `make exactness` runs them, too."""

from __future__ import annotations

import argparse
import logging
import os
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from typing_extensions import override

from stand_in.server import Api, serving
from stand_in.world import World
from tests.support.statistics_promise import DAY
from tests.support.statistics_simulation import PROJECTS, Act, Figures, StatisticsSimulation

if TYPE_CHECKING:
    from collections.abc import Iterable

HISTORIES_A_SEED = 50
STEPS = 12

_PROJECT = st.integers(0, len(PROJECTS) - 1)
_MODEL = st.integers(0, 1)
MIDNIGHTS = st.builds(Act, kind=st.just("midnight"))
LATE = st.builds(
    Act,
    kind=st.just("run"),
    project=_PROJECT,
    days_ago=st.sampled_from([0, 0, 1, 2, 3, 6]),
    model=_MODEL,
)
LATER = st.builds(
    Act, kind=st.just("run"), project=_PROJECT, days_ago=st.integers(0, 75), model=_MODEL
)
_WHEN = st.integers(1, 30) | st.integers(1, 5)
MEANWHILE = st.lists(st.tuples(_WHEN, MIDNIGHTS | LATE), max_size=4)


class Histories(RuleBasedStateMachine):
    """A history: runs that end late, days that pass, settings that change, and syncs."""

    api: Api
    figures: Figures

    @initialize(before=st.lists(LATER, max_size=12))
    def begin(self, before: list[Act]) -> None:
        self.simulation = StatisticsSimulation(self.api, self.figures)
        for act in before:
            self.simulation.act(act)

    @rule(acts=st.lists(LATE | LATE | LATER, min_size=1, max_size=4))
    def run(self, acts: list[Act]) -> None:
        for act in acts:
            self.simulation.act(act)

    @rule(days=st.sampled_from([1, 1, 1, 2, 3, 8, 45]))
    def rest(self, days: int) -> None:
        for _ in range(days):
            self.simulation.act(Act("midnight"))

    @rule(ago=st.none() | st.sampled_from([-3, 0, 1, 2, 4, 9, 29, 31, 40, 70]))
    def choose_start(self, ago: int | None) -> None:
        today = self.simulation.today
        self.simulation.choose(start=None if ago is None else today - ago * DAY)

    @rule(lookback=st.sampled_from([0, 1, 2, 2, 5, 20]))
    def choose_lookback(self, lookback: int) -> None:
        self.simulation.choose(lookback=lookback)

    @rule(length=st.sampled_from([1, 3, 7, 7, 10]))
    def choose_windows(self, length: int) -> None:
        self.simulation.choose(length=length)

    @rule(days_ahead=st.sampled_from([1, 2, 3, 40]))
    def edit(self, days_ahead: int) -> None:
        self.simulation.edit(days_ahead)

    @rule(acts=MEANWHILE)
    def sync(self, acts: list[tuple[int, Act]]) -> None:
        self.simulation.sync(acts)

    @rule(acts=MEANWHILE, cut=st.integers(0, 60) | st.integers(0, 12), stopped=st.booleans())
    def sync_cut_off(self, acts: list[tuple[int, Act]], cut: int, *, stopped: bool) -> None:
        self.simulation.sync(acts, cut, stopped=stopped)

    @override
    def teardown(self) -> None:
        # Hypothesis also tears down what failed, even before it began.
        if hasattr(self, "simulation") and self.simulation.is_sound:
            self.simulation.end()


def prove(histories: int, number: int, *, shrink: bool = False) -> Figures:
    """Make up so many histories from a seed, and check each.

    Args:
        histories: how many, about.
        number: the seed.
        shrink: whether to look for the shortest history that fails, which takes minutes.

    Raises:
        AssertionError: one of them lost a row, sent one without need, or moved a bookmark wrongly.
    """
    logging.disable(logging.CRITICAL)
    figures_ = Figures()
    try:
        with serving(World()) as server:

            @seed(number)
            class Seeded(Histories):
                api = server
                figures = figures_

            run_state_machine_as_test(
                Seeded,
                settings=settings(
                    max_examples=histories,
                    stateful_step_count=STEPS,
                    deadline=None,
                    database=None,
                    report_multiple_bugs=False,
                    phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
                    suppress_health_check=list(HealthCheck),
                ),
            )
    finally:
        logging.disable(logging.NOTSET)
    return figures_


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
