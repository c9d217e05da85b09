"""What is told: each finding once, and its end once, whatever happens and whatever fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from report.notify.news import Finding, Key, Memory, News, Remembered, State, news

if TYPE_CHECKING:
    from collections.abc import Mapping

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


@dataclass
class Listener:
    """What somebody knows, and must hear, reckoned by none of the program's code.

    Attributes:
        wrong: what they believe to be wrong now.
        settled: what is over, and they know or need not know, as long as the answers show it.
        waiting: what was found and they could not be told.
        heard_of: the kinds that were looked at for them.
    """

    wrong: set[Key] = field(default_factory=set)
    settled: set[Key] = field(default_factory=set)
    waiting: set[Key] = field(default_factory=set)
    heard_of: set[str] = field(default_factory=set)

    def look(self, look: Look) -> tuple[set[tuple[Key, bool]], set[Key]]:
        """Return what they hear: what is new, and whether it is over already; and what is over."""
        says = {key: it for key, it in look.says.items() if key[0] in look.kinds}
        for key, it in says.items():
            if it in {ENDED, UNSEEN}:
                self.settled.discard(key)
            is_known = key in self.wrong | self.settled
            if it == OVER and key[0] not in self.heard_of and not is_known | (key in self.waiting):
                self.settled.add(key)
            elif it in {SO, OVER} and not is_known:
                self.waiting.add(key)
        self.heard_of |= set(look.kinds)
        if not look.is_sent:
            return set(), set()
        new = {(key, says[key] in {ENDED, OVER}) for key in self.waiting & says.keys()}
        ended = {key for key in self.wrong & says.keys() if says[key] in {ENDED, OVER}}
        self.wrong = (self.wrong - ended) | {key for key, is_over in new if not is_over}
        self.settled |= {key for key in ended | {key for key, _ in new} if says[key] == OVER}
        self.waiting -= says.keys()
        return new, ended


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
    listener = Listener()
    memory: Memory = {}
    for look in looks:
        told = look.news(memory)
        # A message that was taken, and could not be remembered, is the same message next time.
        failed = look.news(told.if_not_sent)
        assert (failed.new, failed.over) == (told.new, told.over)
        assert not look.news(told.if_sent)
        expected_new, expected_over = listener.look(look)
        memory = told.if_sent if look.is_sent else told.if_not_sent
        if not look.is_sent:
            continue
        assert sorted((it.key, it.is_over) for it in told.new) == sorted(expected_new)
        assert sorted(it.key for it in told.over) == sorted(expected_over)
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
