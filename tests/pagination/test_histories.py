"""No made-up history of rows that move, while they are read, loses or repeats one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from typing_extensions import override

from tests.support.odd_servers import COUNTS, GLITCHES, HIDES, SIZES, TIES, Arrangement
from tests.support.seeded import run_seeded, seeds
from tests.support.simulation import TABLES, Act, Simulation

if TYPE_CHECKING:
    from collections import Counter

    from stand_in.server import Api

ARRANGEMENTS = st.builds(
    Arrangement,
    order_by=st.sampled_from(["updated_at", "created_at", "start_time", "id"]),
    descending=st.booleans(),
    page_size=st.sampled_from([20, 13, 40, 1]),
    most_rows=st.sampled_from([500, 500, 33, 12]),
    tells_limit=st.sampled_from(["right", "right", "asked", "not"]),
    counted_too_many=st.sampled_from([0, 0, 0, 3]),
    overlap_seconds=st.sampled_from([60, 0, 1, 600]),
    digits=st.integers(0, 9),
    offset_minutes=st.sampled_from([0, 330, -480]),
    inclusive=st.booleans(),
    tells_time=st.sampled_from([True, True, True, False]),
    projects=st.sampled_from([1, 2, 2, 6]),
    connections=st.sampled_from([1, 4, 16]),
    hides=st.sampled_from(["nothing", *HIDES]),
    counts_hidden=st.sampled_from(["yes", "no", "pages"]),
    tells_pages=st.sampled_from([True, True, False]),
    empty_list=st.sampled_from(["[]", "null", "left out"]),
    sizes=st.sampled_from(["any", "any", *SIZES]),
    ties=st.sampled_from(["by id", "by id", *TIES]),
    counts=st.sampled_from(["right", "right", *COUNTS]),
    backends=st.sampled_from(["one", "one", "one", "capped", "lagging"]),
    is_volatile=st.sampled_from([False, False, True]),
    has_glitches=st.sampled_from([False, False, True]),
).map(lambda arrangement: arrangement.within_the_promise)
_WHERE = {"project": st.integers(0, 1), "stream": st.sampled_from(sorted(TABLES))}
_LATE = st.sampled_from([0.0, 0.5, 1.0])
_PICKS = st.lists(st.integers(0, 200), min_size=1, max_size=15).map(tuple)
ACTS = st.one_of(
    st.builds(Act, kind=st.just("update"), picks=_PICKS, late=_LATE, **_WHERE),
    st.builds(Act, kind=st.just("delete"), picks=_PICKS, **_WHERE),
    st.builds(Act, kind=st.just("insert"), picks=_PICKS, late=_LATE, **_WHERE),
    st.builds(Act, kind=st.just("stamp"), late=_LATE, **_WHERE),
    st.builds(Act, kind=st.just("advance"), seconds=st.sampled_from([0.001, 0.4, 1.0, 59.0, 3e3])),
)
FILLS = st.builds(
    Act,
    kind=st.just("insert"),
    picks=st.integers(0, 120).map(lambda rows: tuple(range(rows))),
    **_WHERE,
)
# By the number of a request.
ACTED = st.lists(st.tuples(st.integers(2, 25), ACTS), max_size=4)
GLITCHED = st.dictionaries(st.integers(2, 25), st.sampled_from(sorted(GLITCHES)), max_size=4)
OVERTAKEN = st.frozensets(st.integers(3, 25), max_size=6)


class Histories(RuleBasedStateMachine):
    api: Api
    figures: Counter[str]

    @initialize(arrangement=ARRANGEMENTS, fills=st.lists(FILLS, min_size=1, max_size=3))
    def begin(self, arrangement: Arrangement, fills: list[Act]) -> None:
        self.simulation = Simulation(self.api, arrangement)
        for fill in fills:
            self.simulation.act(fill)

    @rule(acts=st.lists(ACTS, min_size=1, max_size=3))
    def write(self, acts: list[Act]) -> None:
        for act in acts:
            self.simulation.act(act)

    @rule(acts=ACTED, overtaken=OVERTAKEN, glitches=GLITCHED)
    def sync(
        self, acts: list[tuple[int, Act]], overtaken: frozenset[int], glitches: dict[int, str]
    ) -> None:
        done = self.simulation.sync(acts, overtaken=overtaken, glitches=glitches)
        self.figures["records sent"] += len(done.records)

    @rule(acts=ACTED, cut=st.integers(0, 150), stopped=st.booleans())
    def sync_cut_off(self, acts: list[tuple[int, Act]], cut: int, *, stopped: bool) -> None:
        self.simulation.sync(acts, cut, stopped=stopped)
        self.figures["cut off"] += self.simulation.was_cut

    @override
    def teardown(self) -> None:
        # Hypothesis also tears down what failed before it began.
        if hasattr(self, "simulation"):
            self.simulation.end()


@pytest.mark.parametrize("seed", seeds(2))
def test_no_made_up_history_loses_or_repeats_a_row(seed: int) -> None:
    figures = run_seeded(Histories, 25, seed, steps=10)

    assert figures["records sent"] > 200
    assert figures["cut off"]
