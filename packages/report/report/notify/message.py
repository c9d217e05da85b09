"""What is sent: plain text, the worst first, and never longer than somebody reads.

A service that takes less than the whole message gets it in several, each with its findings, so that
one that is refused is all that has to be sent again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from report.formatting import plain
from report.notify.findings import FAILURE, KINDS, WARNING
from report.notify.news import Finding, Key, News

LINES = 20
"""So many findings are written out; the rest is counted."""
LONGEST_LINE = 160
"""In characters."""
OVER = "Over"
SUCCESS = "success"
"""The severity of a message in which all is over."""
# What would call people, show an emoji or become a link or a tag in one service or another is kept
# apart by a character that has no width: "@everyone", "<at user_id=…>", ":fire:", "[a](https://b)".
_WORD_JOINER = "\u2060"
_CALLS = re.compile(r"[@<]|:(?=[A-Za-z+/-])|\](?=[(\[])")


@dataclass(frozen=True)
class Message:
    """What is sent at once.

    Attributes:
        told: the findings that are written out.
        keys: what counts as told once it was taken: those, and those that are only counted.
        severity: how bad the worst of it is.
        incident: by what name an incident service knows the one finding it is about.
    """

    title: str
    body: str
    told: tuple[Finding, ...]
    keys: frozenset[Key]
    severity: str
    incident: str = ""

    @property
    def fields(self) -> list[dict[str, object]]:
        """What a program may want to know of its findings."""
        return [
            {
                "id": _incident(it.key),
                "kind": it.key[0],
                "severity": KINDS[it.key[0]].severity,
                "is_over": it.is_over,
                "name": it.name,
                "detail": it.detail,
                "ending": it.ending or None,
            }
            for it in self.told
        ]


@dataclass(frozen=True)
class _Line:
    section: str
    text: str
    findings: tuple[Finding, ...]
    is_written_out: bool = True


def messages(
    its_news: News, fits: Callable[[str, str], bool] = lambda _title, _body: True
) -> list[Message]:
    """Write what is new and what is over, in as few messages as fit.

    Args:
        its_news: not empty.
        fits: whether a service takes a title and a body at once.
    """
    counts = {"new": len(its_news.new), "over": len(its_news.over)}
    said = ", ".join(f"{number:,} {word}" for word, number in counts.items() if number)
    title = f"dagctl: {said}"
    parts: list[list[_Line]] = [[]]
    for line in _lines(its_news):
        # As if it had the longest of titles.
        if parts[-1] and not fits(f"{title} (99 of 99)", _body([*parts[-1], line])):
            parts.append([])
        parts[-1].append(line)
    return [
        Message(
            title if len(parts) == 1 else f"{title} ({number} of {len(parts)})",
            _body(lines),
            tuple(it for line in lines if line.is_written_out for it in line.findings),
            frozenset(it.key for line in lines for it in line.findings),
            _severity(it for line in lines for it in line.findings),
        )
        for number, lines in enumerate(parts, start=1)
    ]


def incidents(its_news: News) -> Iterator[Message]:
    """Yield a message for each finding: one incident that its end resolves.

    What was over before it could be told is only resolved, in case it did arrive; nobody is woken.
    """
    for finding in (*its_news.new, *its_news.over):
        yield Message(
            _text(f"{KINDS[finding.key[0]].title}: {finding.name}"),
            _text(finding.ending or finding.detail),
            (finding,),
            frozenset([finding.key]),
            _severity([finding]),
            _incident(finding.key),
        )


def _incident(key: Key) -> str:
    """Return a name that stays the same from when a finding is told to when it is over."""
    kind, parts = key
    return f"dagctl-{kind}-{hashlib.sha256(parts.encode()).hexdigest()[:32]}"


def _severity(findings: Iterable[Finding]) -> str:
    found = {KINDS[it.key[0]].severity for it in findings if not it.is_over}
    return next((severity for severity in (FAILURE, WARNING) if severity in found), SUCCESS)


def _lines(its_news: News) -> Iterator[_Line]:
    sections = {
        kind.title: [it for it in its_news.new if it.key[0] == kind.name] for kind in KINDS.values()
    } | {OVER: its_news.over}
    sections = {title: findings for title, findings in sections.items() if findings}
    shares = _shares([len(findings) for findings in sections.values()])
    for (title, findings), share in zip(sections.items(), shares, strict=True):
        for finding in findings[:share]:
            yield _Line(title, _line(finding, is_new=title != OVER), (finding,))
        if rest := tuple(findings[share:]):
            yield _Line(title, f"and {len(rest):,} more", rest, is_written_out=False)


def _body(lines: list[_Line]) -> str:
    sections: dict[str, list[str]] = {}
    for line in lines:
        sections.setdefault(line.section, [line.section]).append(f"- {line.text}")
    return "\n\n".join("\n".join(section) for section in sections.values())


def _shares(lengths: list[int]) -> list[int]:
    """Share the lines out evenly; what a short section leaves goes to the long ones."""
    shares = [0] * len(lengths)
    for _ in range(min(LINES, sum(lengths))):
        hungry = [at for at, length in enumerate(lengths) if shares[at] < length]
        shares[min(hungry, key=lambda at: shares[at])] += 1
    return shares


def _line(finding: Finding, *, is_new: bool) -> str:
    if not is_new:
        return _text(f"{finding.name}: {finding.ending}")
    over = f" (over: {finding.ending})" if finding.is_over else ""
    return _text(f"{finding.name}: {finding.detail}{over}")


def _text(said: str) -> str:
    """Return one line in which a name, which may hold anything, is text and calls nobody."""
    line = _CALLS.sub(lambda found: found[0] + _WORD_JOINER, plain(said))
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 2]} …"
