"""The tables of docs/troubleshooting.md, held against what programs really say.

Whatever runs a program in a test hands its messages to `check`, which wants exactly one row for
each. So a row that is taken out, or a message that changes, fails the test that provokes it. When
every test has run, `tests/conftest.py` fails the run if a quoted message was never seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from tests.support.project import ROOT

SEEN: set[str] = set()
"""The quotes that some message has matched."""

PAGE = ROOT / "docs" / "troubleshooting.md"
_TITLE = "\n| message | what to do |\n|---|---|\n"
_LIKENESSES = (r"\d+", r"[A-Z]{3,}", r"\w+_\w+")
_OF_THE_TAP = re.compile(
    # Before there is a log, it speaks as any program does.
    r"(?:\| (?:WARNING|ERROR|CRITICAL) +\| tap-dagctl[^|]* \| |^tap-dagctl: )(.*)",
    re.MULTILINE,
)
_OF_DBT = re.compile(r" (?:WARN|FAIL) .*|Compilation Error.*\n *(.*)|Env var required .*")


@lru_cache(maxsize=1)
def _rows() -> list[dict[str, re.Pattern[str]]]:
    """Return what each row of the tables quotes, with its pattern; `…` stands for anything."""
    _, *tables = PAGE.read_text().split(_TITLE)
    lines = [line for table in tables for line in table.partition("\n\n")[0].splitlines()]
    return [
        {quote: re.compile(".*".join(map(re.escape, quote.split("…")))) for quote in _quotes(cell)}
        for cell, *_ in (line.split(" | ") for line in lines)
    ]


def _quotes(cell: str) -> Iterator[str]:
    """Yield the messages of a cell; a single word stands for the like of it in each of them."""
    quoted = re.findall("`([^`]+)`", cell)
    messages = [it for it in quoted if " " in it]
    yield from messages
    for word in quoted:
        if word not in messages:
            likeness = next(it for it in _LIKENESSES if re.fullmatch(it, word))
            for message in messages:
                yield re.sub(likeness, word, message, count=1)


def check(messages: Iterable[str]) -> None:
    """Want exactly one row of the tables for each of `messages`."""
    for message in messages:
        found = [
            matching
            for row in _rows()
            if (matching := [quote for quote, pattern in row.items() if pattern.search(message)])
        ]
        assert found, f"{PAGE.name}: no row for: {message}"
        assert len(found) == 1, f"{PAGE.name}: more than one row for: {message}: {found}"
        SEEN.update(found[0])


def of_the_tap(log: str) -> list[str]:
    """Return the warnings and errors of the tap in what a program logged."""
    return _OF_THE_TAP.findall(log)


def of_dbt(log: str) -> list[str]:
    """Return the warnings and errors of dbt in what it printed."""
    return [found.group(1) or found.group() for found in _OF_DBT.finditer(log)]


def unseen() -> list[str]:
    """Return the quotes that no message has matched so far."""
    return [quote for row in _rows() for quote in row if quote not in SEEN]
