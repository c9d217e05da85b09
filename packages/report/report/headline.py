"""The top of the page: whether all is well, for whom, as of when, and how old the data is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from report.answers import Answers
from report.formatting import count, duration, moment, text
from report.tables import Table

_OLD = timedelta(hours=36)
"""Older data cannot say that all is well now; what is read once a day may be late by some hours."""
_FRESH = timedelta(hours=1)
"""If no data is older, its age needs no telling."""
_SEVERE, _VERY_SEVERE = 3, 10


@dataclass(frozen=True)
class Headline:
    """The first lines.

    Attributes:
        answer: to "are we fine?".
        kind: the class of the page's style: `wrong`, `unsure` or `well`.
    """

    answer: str
    kind: str
    scope: str
    freshness: str


@dataclass(frozen=True)
class Tile:
    """One table in a few words.

    Attributes:
        level: how bad it is: 0 is nothing wrong now, 3 the worst.
        worst: the worst of what is wrong now.
        ended: what became of what was.
    """

    anchor: str
    title: str
    number: int
    level: int
    worst: str
    ended: str


def headline(answers: Answers, wrong: Iterable[Table], source: str) -> Headline:
    """Answer "are we fine?" by what is wrong now, which is what a first message tells."""
    needs = sum(len(table.now) for table in wrong)
    if needs:
        kind, answer = (
            "wrong",
            f"{count(needs)} {'thing needs' if needs == 1 else 'things need'} you",
        )
    elif not answers.runs:
        kind, answer = "unsure", "Nothing is known yet"
    elif old := _old(answers):
        kind, answer = "unsure", f"Nothing is known to be wrong, but {old}"
    else:
        kind, answer = "well", "All is well"
    return Headline(answer, kind, _scope(answers, source), _freshness(answers))


def tile(table: Table) -> Tile:
    """Return a table in a few words."""
    now = table.now
    one, many = table.levels
    level = min(many, one + sum(len(now) >= least for least in (_SEVERE, _VERY_SEVERE)))
    # No line ends between a number and its unit.
    worst = table.say(now[0]).replace(" %", "\u00a0%") if now else ""
    if len(now) > 1:
        worst += f", and {count(len(now) - 1)} more"
    ended = len(table.rows) - len(now)
    has_ended = f"{count(ended)} ended: {table.ended}" if ended else ""
    return Tile(table.anchor, table.title, len(now), level if now else 0, worst, has_ended)


def _scope(answers: Answers, source: str) -> str:
    organizations = " and ".join(answers.organizations)
    whose = f"Pipelines of {organizations}" if organizations else "Pipelines"
    return f"{whose}, from {source}. All days and times are in UTC."


def _freshness(answers: Answers) -> str:
    return f"Data as of {moment(answers.as_of)}; {_read(answers)}."


def _read(answers: Answers) -> str:
    read = [row for row in answers.freshness if row["read_at"] is not None]
    if read:
        oldest = min(read, key=lambda row: row["read_at"])
        then, unknown = oldest["read_at"], len(answers.freshness) - len(read)
        if answers.as_of - then > _FRESH:
            said = f"the oldest is of {text(oldest['project_name'])}, read {_before(answers, then)}"
        else:
            those = _projects(len(read)) if unknown else "every project was"
            said = f"{those} read in the hour before"
        return f"{said}; of {count(unknown)} it is not recorded" if unknown else said
    changes = [it["newest_change_at"] for it in answers.freshness if it["newest_change_at"]]
    newest = (
        f"the newest change of a run came {_before(answers, max(changes))}"
        if changes
        else "no run was loaded"
    )
    return f"{newest}; when the projects were last read is not recorded"


def _before(answers: Answers, then: datetime) -> str:
    ago = max(answers.as_of - then, timedelta())
    return f"{duration(ago.total_seconds())} before, on {moment(then)}"


def _old(answers: Answers) -> str:
    """Say what is too old to know that all is well; nothing where nothing is."""
    age = answers.asked_at - answers.as_of
    if age > _OLD:
        return f"this was built {duration(age.total_seconds())} ago"
    read = [row["read_at"] for row in answers.freshness if row["read_at"] is not None]
    if read:
        unread = sum(answers.as_of - then > _OLD for then in read)
        return f"{_projects(unread)} not read for a day" if unread else ""
    changes = [it["newest_change_at"] for it in answers.freshness if it["newest_change_at"]]
    if changes and answers.as_of - max(changes) > _OLD:
        return f"no run has changed since {moment(max(changes))}"
    return ""


def _projects(number: int) -> str:
    return "1 project was" if number == 1 else f"{count(number)} projects were"
