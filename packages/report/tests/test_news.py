"""What is told: each finding once, and its end once, whatever fails; and how people read it.

A message is short, has the worst first, and nothing in it but text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report.notify.findings import KINDS
from report.notify.message import LINES, LONGEST_LINE, messages
from report.notify.news import Finding, Key, Memory, News, Remembered, State, news

TWO = ("jobs", "days")
KEYS = [(kind, str(number)) for kind in TWO for number in range(3)]
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
    kinds: tuple[str, ...] = TWO

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
        kinds=st.sampled_from([TWO, TWO, ("jobs",), ("days",)]),
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
    memory = news([], TWO, {}, lambda _: {}).if_sent
    told = news(findings, TWO, memory, lambda _: {})

    assert [finding.name for finding in told.new] == ["worst", "a", "b", "over"]


def findings(key: st.SearchStrategy[str], endings: list[str]) -> st.SearchStrategy[list[Finding]]:
    built = st.builds(
        Finding,
        key=st.tuples(st.sampled_from(sorted(KINDS)), key),
        name=st.text(max_size=200),
        detail=st.text(max_size=80),
        ending=st.sampled_from(endings),
    )
    return st.lists(built, max_size=40, unique_by=lambda it: it.key)


NEWLY = findings(st.text(max_size=3), ["", "mended"])
NOW_OVER = findings(st.text(min_size=4, max_size=6), ["mended"])
PLACES = st.integers(200, 3_000)


@given(NEWLY, NOW_OVER, PLACES)
def test_everything_is_said_or_counted_once_in_few_lines(
    new: list[Finding], over: list[Finding], places: int
) -> None:
    sent = messages(News(new, over), lambda title, body: len(title) + len(body) <= places)
    lines = [line for message in sent for line in message.body.split("\n")]
    items = [line for line in lines if line.startswith("- ")]
    more = [line for line in items if line.startswith("- and ") and line.endswith(" more")]
    written = [line for line in items if line not in more]

    assert len(written) == min(LINES, len(new) + len(over))
    assert len(written) + sum(int(line.split()[2]) for line in more) == len(new) + len(over)
    assert all(len(line) <= LONGEST_LINE + len("- ") for line in lines)
    # Each finding is in one of them, and each fits, unless it is a line alone.
    keys = [key for message in sent for key in message.keys]
    assert sorted(keys) == sorted(it.key for it in (*new, *over))
    for message in sent:
        is_alone = message.body.count("\n- ") == 1
        assert is_alone or len(message.title) + len(message.body) <= places
    counts = [f"{len(new)} new"] * bool(new) + [f"{len(over)} over"] * bool(over)
    title = f"dagctl: {', '.join(counts)}"
    if len(sent) == 1:
        assert sent[0].title == title
    else:
        assert [message.title for message in sent] == [
            f"{title} ({number} of {len(sent)})" for number in range(1, len(sent) + 1)
        ]


def test_a_long_section_leaves_room_for_the_others() -> None:
    many = [Finding(("regressions", str(at)), f"model {at}", "slower") for at in range(500)]
    few = [Finding(("overdue", "1"), "weekly (sales)", "running for 3 h")]
    (said,) = messages(News(few + many, many))

    assert "weekly (sales): running for 3 h" in said.body
    assert "- and 490 more\n\nOver" in said.body
    assert said.body.endswith("- and 491 more")
    assert len(said.keys) == 501


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("job\n\n- forged\u2028\x1b[31mred\x1b[0m \u202egnp", "job - forged red  gnp"),
        # It calls nobody and leads nowhere.
        ("@everyone <@1>", "@\u2060everyone <\u2060@\u20601>"),
        (":fire: 02:00", ":\u2060fire: 02:00"),
    ],
)
def test_what_a_name_holds_stays_one_line_of_text(name: str, shown: str) -> None:
    (said,) = messages(News([Finding(("broken", "1"), name, "failed")]))
    assert said.body == f"Jobs broken\n- {shown}: failed"
