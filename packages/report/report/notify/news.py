"""What has to be said, and what is remembered once it was said: no database and no network here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

Key = tuple[str, str]
"""A kind of finding, and what tells one of that kind from another."""


@dataclass(frozen=True)
class Finding:
    """One thing that the answers found.

    Attributes:
        key: must not depend on anything that late or corrected rows can change.
        name: what it is about.
        detail: what is wrong with it.
        weight: the larger, the worse, among those of one kind.
        ending: why it is over, if it is, although the answers still show it.
        is_recent: whether it is told if nobody has heard of it yet.
        evidence: the id of the row that shows it; its end must be later.
        labels: how settings may name it, from the most specific to the least.
    """

    key: Key
    name: str
    detail: str
    weight: float = 0
    ending: str = ""
    is_recent: bool = True
    evidence: str = ""
    labels: tuple[str, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether it is wrong no more."""
        return bool(self.ending)


class State(str, Enum):
    """How far somebody has been told of a finding."""

    BEGUN = "begun"
    """Stands for a kind: somebody was told of it before, so that what is found is news."""
    PENDING = "pending"
    """It was found, and no message about it has been taken yet."""
    TOLD = "told"
    OVER = "over"
    """Told, its end too, and the answers still show it."""


@dataclass(frozen=True)
class Remembered:
    """What is known of a finding when the answers no longer have it."""

    state: State
    name: str = ""
    detail: str = ""
    evidence: str = ""


Memory = dict[Key, Remembered]
"""What one address has been told."""


@dataclass
class News:
    """What one address does not know yet.

    Attributes:
        new: findings it has not been told of; of those with `is_over` it hears the end as well.
        over: findings it was told of that have ended.
        if_sent: what is to be remembered if the message was sent, or there is none.
        if_not_sent: what is to be remembered beforehand, and stays so if it could not be sent.
    """

    new: list[Finding] = field(default_factory=list)
    over: list[Finding] = field(default_factory=list)
    if_sent: Memory = field(default_factory=dict)
    if_not_sent: Memory = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.new or self.over)

    def remember(self, finding: Finding, sent: State | None, not_sent: State | None) -> None:
        """Keep a finding in the state of either case; None forgets it."""
        for memory, state in ((self.if_sent, sent), (self.if_not_sent, not_sent)):
            if state is not None:
                memory[finding.key] = Remembered(
                    state, finding.name, finding.detail, finding.evidence
                )

    def after(self, heard: Collection[Key]) -> Memory:
        """Return what is to be remembered if only the messages about these were taken."""
        memory = self.if_not_sent.copy()
        for key in heard:
            if key in self.if_sent:
                memory[key] = self.if_sent[key]
            else:
                memory.pop(key, None)
        return memory


def news(
    findings: Iterable[Finding],
    kinds: Collection[str],
    memory: Mapping[Key, Remembered],
    endings: Callable[[Mapping[Key, Remembered]], Mapping[Key, str]],
    is_told: Callable[[Finding], bool] = lambda _: True,
) -> News:
    """Compare what is found with what an address was told.

    An address that has heard nothing of a kind yet is told what is so now, and nothing that is
    over. A finding that the answers no longer have is not over for that: rows may be missing, or
    it is only too old to be shown. It is over when there is a reason.

    Args:
        findings: all there are, of each of `kinds`.
        kinds: what was looked at; of others, the memory stays as it is.
        memory: what the address was told.
        endings: says of findings that the answers no longer have why they are over, if they are.
        is_told: whether a finding is for this address now. The end of one that it was told is.
    """
    found = {finding.key: finding for finding in findings}
    result = News()
    for memory_after in (result.if_sent, result.if_not_sent):
        memory_after.update({key: it for key, it in memory.items() if key[0] not in kinds})
        memory_after.update({(kind, ""): Remembered(State.BEGUN) for kind in kinds})
    for finding in found.values():
        _compare(finding, memory, result, is_told=is_told(finding))
    missing = {
        key: it
        for key, it in memory.items()
        if key[0] in kinds and key not in found and it.state in {State.PENDING, State.TOLD}
    }
    reasons = endings(missing) if missing else {}
    for key, before in missing.items():
        finding = Finding(
            key, before.name, before.detail, ending=reasons.get(key, ""), evidence=before.evidence
        )
        told = None if finding.is_over else State.TOLD
        if before.state is State.PENDING:
            result.new.append(finding)
        elif finding.is_over:
            result.over.append(finding)
        result.remember(finding, told, before.state)
    result.new.sort(key=_worst_first)
    result.over.sort(key=_worst_first)
    return result


def _compare(
    finding: Finding, memory: Mapping[Key, Remembered], result: News, *, is_told: bool
) -> None:
    """Say what follows from one finding that the answers have."""
    before = memory.get(finding.key)
    state = before.state if before else None
    told = State.OVER if finding.is_over else State.TOLD
    if state is None and not finding.is_recent:
        return
    if state in {None, State.PENDING} and not is_told:
        return
    if state is None and finding.is_over and (finding.key[0], "") not in memory:
        result.remember(finding, State.OVER, State.OVER)
    elif state in {None, State.PENDING}:
        result.new.append(finding)
        result.remember(finding, told, State.PENDING)
    elif state is State.TOLD and finding.is_over:
        result.over.append(finding)
        result.remember(finding, State.OVER, State.TOLD)
    else:
        # One that was over stays so: what ended it may turn out otherwise, as when late runs raise
        # the p95 of the day that kept the SLA, and is then a finding of its own.
        result.remember(finding, state, state)


def _worst_first(finding: Finding) -> tuple[bool, float, str, str]:
    return finding.is_over, -finding.weight, finding.name, finding.key[1]
