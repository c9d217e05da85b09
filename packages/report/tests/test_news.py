"""What is told: each finding once, and its end once, whatever happens and whatever fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from report.notify.news import Finding, Key, Memory, News, Remembered, State, news

KINDS = ("jobs", "days")
KEYS = [(kind, str(number)) for kind in KINDS for number in range(3)]
ENDED, UNSEEN, SO, OVER, OLD = "ended", "unseen", "so", "over", "old"
"""What the answers may say of a finding: an old one is so, and news to nobody; of one that they do
not show, the rows may say why it has ended, or nothing."""


@dataclass(frozen=True)
class Look:
    """One look at the answers.

    Attributes:
        is_sent: whether a message can be sent at that time.
        kinds: what is built.
    """

    says: dict[Key, str]
    is_sent: bool
    kinds: tuple[str, ...] = KINDS

    def findings(self) -> list[Finding]:
        return [
            Finding(key, f"{key}", "", ending=says * (says == OVER), is_recent=says != OLD)
            for key, says in self.says.items()
            if says not in {ENDED, UNSEEN} and key[0] in self.kinds
        ]

    def news(self, memory: Memory) -> News:
        def endings(missing: Mapping[Key, Remembered]) -> dict[Key, str]:
            return {key: ENDED for key in missing if self.says[key] == ENDED}

        return news(self.findings(), self.kinds, memory, endings)


LOOKS = st.lists(
    st.builds(
        Look,
        says=st.fixed_dictionaries(
            {key: st.sampled_from([ENDED, UNSEEN, SO, OVER, OLD]) for key in KEYS}
        ),
        is_sent=st.booleans(),
        kinds=st.sampled_from([KINDS, KINDS, ("jobs",), ("days",)]),
    ),
    max_size=12,
)


ALL_ENDED = Look(dict.fromkeys(KEYS, ENDED), is_sent=True)


@given(LOOKS)
def test_each_is_told_once_and_its_end_once(looks: list[Look]) -> None:
    memory: Memory = {}
    wrong: set[Key] = set()
    """What they believe to be wrong, and have not heard the end of."""
    for look in looks:
        told, before = look.news(memory), memory
        new, over = [it.key for it in told.new], [it.key for it in told.over]
        # What was found, and could not be told, waits.
        waited = {key for key, it in before.items() if it.state is State.PENDING}
        assert {key for key in waited if key[0] in look.kinds} <= {*new}
        assert all(told.if_not_sent[key].state is State.PENDING for key in new)
        # A message that was taken, and could not be remembered, is the same message next time.
        failed = look.news(told.if_not_sent)
        assert (failed.new, failed.over) == (told.new, told.over)
        assert not look.news(told.if_sent)
        memory = told.if_sent if look.is_sent else told.if_not_sent
        if not look.is_sent:
            continue
        says = {key: it for key, it in look.says.items() if key[0] in look.kinds}
        # Nobody is told twice that something is wrong, and of each end once that has a beginning.
        assert len(new) == len({*new} - wrong)
        assert sorted(over) == sorted(it for it in wrong & says.keys() if says[it] in {ENDED, OVER})
        wrong = wrong - {*over} | {it.key for it in told.new if not it.is_over}
        assert wrong == {key for key, it in memory.items() if it.state is State.TOLD}
        # All that is so is known now, and only that was told, or what had waited.
        for key, it in says.items():
            state = memory[key].state if key in memory else None
            assert it != SO or state in {State.TOLD, State.OVER}
            assert it != ENDED or state is None
            assert state is not State.PENDING
            is_first = (key[0], "") not in before
            assert key not in new or key in waited or it == SO or (it == OVER and not is_first)
            assert it != OVER or key in new or key in before or is_first
    # What is over and gone is forgotten.
    forgotten = ALL_ENDED.news(memory).if_sent
    assert {it.state for it in forgotten.values()} == {State.BEGUN}
    assert not ALL_ENDED.news(forgotten)


@given(LOOKS, st.data())
def test_only_what_was_not_heard_comes_again(looks: list[Look], data: st.DataObject) -> None:
    """A message in parts, of which some are refused."""
    memory: Memory = {}
    for look in looks:
        told = look.news(memory)
        said = [finding.key for finding in (*told.new, *told.over)]
        heard = data.draw(st.sets(st.sampled_from(said)) if said else st.just(set()))
        memory = told.after(heard)
        again = look.news(memory)
        assert {finding.key for finding in (*again.new, *again.over)} == {*said} - heard


def test_the_worst_is_first() -> None:
    findings = [
        Finding(("jobs", name), name, "", weight, ending=name * (name == "over"))
        for name, weight in (("b", 1), ("a", 1), ("worst", 3), ("over", 9))
    ]
    memory = news([], KINDS, {}, lambda _: {}).if_sent
    told = news(findings, KINDS, memory, lambda _: {})

    assert [finding.name for finding in told.new] == ["worst", "a", "b", "over"]
