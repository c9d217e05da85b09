"""One message: plain text, the worst first, and never longer than somebody reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from report.formatting import plain
from report.notify.findings import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from report.notify.news import Finding, Key

LINES = 20
"""So many findings are written out; the rest is counted."""
LONGEST_LINE = 160
"""In characters."""
OVER = "Over"
# It has no width, and keeps a name such as "@everyone" from calling everyone.
_WORD_JOINER = "\u2060"


@dataclass(frozen=True)
class Message:
    """What is sent."""

    title: str
    body: str


def message(
    new: list[Finding], over: list[Finding], ending: Callable[[Key], str], source: str
) -> Message:
    """Write what is new and what is over.

    Args:
        new: findings that have not been told; those with `is_over` have ended already.
        over: findings that were told and have ended.
        ending: says why one has ended; asked only of those that are written out.
        source: where the answers were read.
    """
    sections = {kind.title: _of(new, kind.name) for kind in KINDS.values()} | {OVER: over}
    sections = {title: findings for title, findings in sections.items() if findings}
    shares = _shares([len(findings) for findings in sections.values()])
    parts = []
    for (title, findings), share in zip(sections.items(), shares, strict=True):
        lines = [
            "- " + _line(finding, ending, is_new=title != OVER) for finding in findings[:share]
        ]
        if len(findings) > share:
            lines.append(f"- and {len(findings) - share:,} more")
        parts.append("\n".join([title, *lines]))
    counts = {"new": len(new), "over": len(over)}
    said = ", ".join(f"{number:,} {word}" for word, number in counts.items() if number)
    return Message(f"dagctl: {said}", "\n\n".join([*parts, f"All of it: make report ({source})"]))


def _of(findings: Iterable[Finding], kind: str) -> list[Finding]:
    return [finding for finding in findings if finding.key[0] == kind]


def _shares(lengths: list[int]) -> list[int]:
    """Share the lines out evenly; what a short section leaves goes to the long ones."""
    shares = [0] * len(lengths)
    for _ in range(min(LINES, sum(lengths))):
        hungry = [at for at, length in enumerate(lengths) if shares[at] < length]
        shares[min(hungry, key=lambda at: shares[at])] += 1
    return shares


def _line(finding: Finding, ending: Callable[[Key], str], *, is_new: bool) -> str:
    said = f"{finding.name}:"
    if is_new:
        said += f" {finding.detail}"
        if finding.is_over:
            said += f" (over: {ending(finding.key)})"
    else:
        said += f" {ending(finding.key)}"
    # A name may hold anything; here it is one line.
    line = plain(said).replace("@", f"@{_WORD_JOINER}")
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 2]} …"
