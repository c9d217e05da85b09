"""Runs made-up histories of a seed, so that what fails can be run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

if TYPE_CHECKING:
    from hypothesis.stateful import RuleBasedStateMachine

HISTORIES_A_SEED = 50


def run_seeded(
    machine: type[RuleBasedStateMachine], number: int, histories: int, *, steps: int, shrink: bool
) -> None:
    """Run about so many histories of `machine`, each of so many steps, from the seed `number`."""
    run_state_machine_as_test(
        seed(number)(machine),
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
