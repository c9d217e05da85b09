"""Histories of statistics, made up by hypothesis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from typing_extensions import override

from tests.support.seeded import run_seeded
from tests.support.statistics_promise import DAY
from tests.support.statistics_simulation import PROJECTS, Act, Figures, StatisticsSimulation

if TYPE_CHECKING:
    from stand_in.server import Api


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
    """Make up so many histories from a seed, and check each."""
    return run_seeded(Histories, Figures(), histories, number, steps=STEPS, shrink=shrink)
