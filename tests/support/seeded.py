"""Runs made-up histories of a seed, so that what fails can be run again."""

from __future__ import annotations

import logging
import os
from collections import Counter
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from stand_in.server import serving
from stand_in.world import World


def seeds(usual: int) -> range:
    """Return the first few, or those that `make exactness` and `make storm` ask for."""
    first = int(os.environ.get("SEED", "0"))
    return range(first, first + int(os.environ.get("SEEDS", usual)))


def run_seeded(
    machine: type[RuleBasedStateMachine], histories: int, number: int, *, steps: int
) -> Counter[str]:
    """Make up so many histories from a seed, check each, and return their figures.

    The machine gets an `api`, and `figures` to add to. If a single seed is asked for, the shortest
    history that fails is looked for, which takes minutes.
    """
    figures = Counter[str]()
    is_single = os.environ.get("SEEDS") == "1"
    logging.disable(logging.CRITICAL)
    try:
        # A state every page, so that walks that are cut have something to resume from.
        with serving(World()) as api, patch("tap_dagctl.streams.kinds.PAGES_A_STATE", 1):
            run_state_machine_as_test(
                seed(number)(type("Seeded", (machine,), {"api": api, "figures": figures})),
                settings=settings(
                    max_examples=histories,
                    stateful_step_count=steps,
                    deadline=None,
                    database=None,
                    report_multiple_bugs=False,
                    phases=[Phase.generate, *[Phase.shrink] * is_single],
                    suppress_health_check=list(HealthCheck),
                ),
            )
    finally:
        logging.disable(logging.NOTSET)
    return figures
