"""Runs made-up histories of a seed, so that what fails can be run again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from stand_in.server import serving
from stand_in.world import World

if TYPE_CHECKING:
    from hypothesis.stateful import RuleBasedStateMachine

HISTORIES_A_SEED = 50
F = TypeVar("F")


def run_seeded(
    machine: type[RuleBasedStateMachine],
    figures: F,
    histories: int,
    number: int,
    *,
    steps: int,
    shrink: bool = False,
) -> F:
    """Make up so many histories from a seed, and check each.

    Args:
        machine: makes them, with an `api` and `figures` to add to.
        figures: are returned.
        histories: how many, about.
        number: the seed.
        steps: of each history, at most.
        shrink: whether to look for the shortest history that fails, which takes minutes.

    Raises:
        AssertionError: one of them broke a promise.
    """
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
                    phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
                    suppress_health_check=list(HealthCheck),
                ),
            )
    finally:
        logging.disable(logging.NOTSET)
    return figures
