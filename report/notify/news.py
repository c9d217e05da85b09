"""What has to be said, and what is remembered once it was said: no database and no network here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

Key = tuple[str, str]
"""A kind of finding, and what tells one of that kind from another."""


@dataclass(frozen=True)
class Finding:
    """One thing that the answers found.

    Attributes:
        name: what it is about.
        detail: what is wrong with it.
        weight: the larger, the worse, among those of one kind.
        is_over: whether it is wrong no more, although the answers still show it.
        is_recent: whether it is told if nobody has heard of it yet.
    """

    key: Key
    name: str
    detail: str
    weight: float = 0
    is_over: bool = False
    is_recent: bool = True


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
                memory[finding.key] = Remembered(state, finding.name, finding.detail)


def news(
    findings: Iterable[Finding], kinds: Collection[str], memory: Mapping[Key, Remembered]
) -> News:
    """Compare what is found with what an address was told.

    An address that has heard nothing of a kind yet is told what is so now, and nothing that is
    over.

    Args:
        findings: all there are, of each of `kinds`.
        kinds: what was looked at; of others, the memory stays as it is.
        memory: what the address was told.
    """
    found = {finding.key: finding for finding in findings}
    result = News()
    for memory_after in (result.if_sent, result.if_not_sent):
        memory_after.update({key: it for key, it in memory.items() if key[0] not in kinds})
        memory_after.update({(kind, ""): Remembered(State.BEGUN) for kind in kinds})
    for finding in found.values():
        _compare(finding, memory, result)
    for key, before in memory.items():
        if key in found or key[0] not in kinds:
            continue
        finding = Finding(key, before.name, before.detail, is_over=True)
        if before.state is State.PENDING:
            result.new.append(finding)
            result.remember(finding, None, State.PENDING)
        elif before.state is State.TOLD:
            result.over.append(finding)
            result.remember(finding, None, State.TOLD)
    result.new.sort(key=_worst_first)
    result.over.sort(key=_worst_first)
    return result


def _compare(finding: Finding, memory: Mapping[Key, Remembered], result: News) -> None:
    """Say what follows from one finding that the answers have."""
    before = memory.get(finding.key)
    state = before.state if before else None
    told = State.OVER if finding.is_over else State.TOLD
    if state is None and not finding.is_recent:
        return
    if state is None and finding.is_over and (finding.key[0], "") not in memory:
        result.remember(finding, State.OVER, State.OVER)
    elif state in {None, State.PENDING}:
        result.new.append(finding)
        result.remember(finding, told, State.PENDING)
    elif state is State.OVER and finding.is_recent and not finding.is_over:
        # It is so again, which nobody knows.
        result.new.append(finding)
        result.remember(finding, told, State.PENDING)
    elif state is State.TOLD and finding.is_over:
        result.over.append(finding)
        result.remember(finding, State.OVER, State.TOLD)
    else:
        result.remember(finding, state, state)


def _worst_first(finding: Finding) -> tuple[bool, float, str, str]:
    return finding.is_over, -finding.weight, finding.name, finding.key[1]
