"""Rows that come late, in any order, or corrected: each trouble is told once, and has no false end.

What is told is compared with what truly happened, of which the answers see more and more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from report.notify.findings import KINDS, reasons
from report.notify.news import news
from tests.support.base_time import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from report.notify.news import Finding, Memory, News
    from tests.support.answers_in_memory import AnswersInMemory

Rows = dict[str, list[dict[str, Any]]]
START = NOW.replace(tzinfo=None) - timedelta(days=4)
SLA = 1_800
many = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@dataclass
class Told:
    """Somebody who is told of a kind, at each look.

    Attributes:
        wrong: what they believe to be wrong, by its key.
    """

    ask: AnswersInMemory
    kind: str
    memory: Memory = field(default_factory=dict)
    wrong: dict[str, Finding] = field(default_factory=dict)

    def look(self, now: datetime, rows: Rows) -> News:
        """Show them what is loaded at a moment: nothing is new twice, or over before it was new."""
        self.ask.load(now, rows)
        found = KINDS[self.kind].findings(self.ask)
        told = news(found, [self.kind], self.memory, partial(reasons, self.ask))
        self.memory = told.if_sent
        for finding in told.over:
            del self.wrong[finding.key[1]]
        assert not {finding.key[1] for finding in told.new} & self.wrong.keys()
        self.wrong |= {it.key[1]: it for it in told.new if not it.is_over}
        return told


@dataclass(frozen=True)
class Happened:
    """A run or an execution of a model: what is loaded of it comes nearer to the truth."""

    key: str
    name: str
    status: str
    end: datetime
    versions: tuple[dict[str, Any], ...]


@st.composite
def happenings(draw: st.DrawFn, bad: str) -> list[Happened]:
    """What happens to two jobs or models in three days, at the same time too, before any look."""
    result = []
    for number in range(12):
        name, status = draw(st.sampled_from("aaab")), draw(st.sampled_from([bad, bad, "success"]))
        start = START + timedelta(hours=draw(st.integers(0, 60)))
        end = start + timedelta(hours=draw(st.sampled_from([1, 10, 40])))
        whole = {"id": str(number), "project_id": "p", "start_time": start, "status": status}
        whole |= {"end_time": end, "updated_at": end}
        versions = [whole]
        if draw(st.booleans()):
            going_on = draw(st.sampled_from(["pending", "running"]))
            running = {**whole, "status": going_on, "end_time": None, "updated_at": start}
            versions = [running, running, whole]
            if bad == status == "failed":
                # It hangs, fails, and only later somebody knows when; or is run again meanwhile.
                late = end + timedelta(hours=draw(st.integers(1, 20)))
                failed = {**whole, "end_time": draw(st.sampled_from([None, late]))}
                versions.insert(draw(st.integers(0, 2)), {**failed, "updated_at": late})
        result.append(Happened(str(number), name, status, end, tuple(versions)))
    return result


def loaded(draw: Callable[..., Any], happened: list[Happened], seen: dict[str, int]) -> list[Any]:
    """Let some more become known of some, and return what is loaded then."""
    for it in happened:
        at = seen.get(it.key, -1)
        seen[it.key] = draw(st.integers(at, len(it.versions) - 1))
    return [(it, it.versions[seen[it.key]]) for it in happened if seen[it.key] >= 0]


def named(draw: Callable[..., Any], now: datetime) -> Rows:
    """Projects and jobs may come late, and a project may be renamed."""
    stamp = {"_sdc_extracted_at": now}
    projects = draw(st.sampled_from([[], ["sales"], ["renamed"]]))
    jobs = draw(st.sampled_from([[], ["a", "b"]]))
    return {
        "projects": [{"id": "p", "name": name, **stamp} for name in projects],
        "jobs": [{"id": name, "project_id": "p", "name": name, **stamp} for name in jobs],
    }


@pytest.mark.parametrize(
    ("kind", "bad", "table"),
    [("broken", "failed", "runs"), ("held_back", "skipped", "model_executions")],
)
@many
@given(data=st.data())
def test_what_is_broken_or_held_back(
    answers_in_memory: AnswersInMemory, data: st.DataObject, kind: str, bad: str, table: str
) -> None:
    happened = data.draw(happenings(bad))
    by_key = {it.key: it for it in happened}
    name_of = {"runs": "job_name", "model_executions": "model_name"}[table]
    told, seen, now = Told(answers_in_memory, kind), dict[str, int](), START + timedelta(days=4)
    begun: dict[str, datetime] = {}
    for hours in [
        1,
        *data.draw(st.lists(st.sampled_from([1, 24, 24 * 40]), min_size=1, max_size=3)),
        1,
    ]:
        now += timedelta(hours=hours)
        known = loaded(data.draw, happened, seen)
        rows = named(data.draw, now)
        rows[table] = [{**row, name_of: it.name} for it, row in known]
        its_news = told.look(now, rows)
        assert not [it for it in its_news.new if it.is_over]
        for finding in its_news.over:
            name = _name(finding)
            ended = [
                it for it, row in known if it.name == name and row["status"] in {"success", bad}
            ]
            if kind == "held_back":
                assert max(ended, key=_order(table)).status == "success"
            else:
                # Something succeeded after what was told, in truth.
                assert any(it.status == "success" and it.end >= begun[name] for it in ended)
        begun |= {_name(it): by_key[it.evidence].end for it in its_news.new if it.evidence}

    seen.update({it.key: len(it.versions) - 1 for it in happened})
    rows[table] = [{**it.versions[-1], name_of: it.name} for it in happened]
    told.look(now, rows)
    still = set(map(_name, told.wrong.values()))
    newest = {it.name: it for it in sorted(happened, key=_order(table))}
    truly = {name for name, it in newest.items() if it.status == bad}
    # Who was told everything knows what is so: all of it that is not too old to be news, or little.
    assert still <= truly
    if kind == "broken" and now - START < timedelta(days=20):
        assert still == truly


def _name(finding: Finding) -> str:
    return finding.name.split(" ")[0]


def _order(table: str) -> Callable[[Happened], Any]:
    if table == "runs":
        return lambda it: (it.end, it.key)
    return lambda it: (it.versions[-1]["start_time"], it.key)


@many
@given(data=st.data())
def test_days_over_the_sla(answers_in_memory: AnswersInMemory, data: st.DataObject) -> None:
    """Late runs change the statistics of days that have closed."""
    p95 = st.sampled_from([None, 60, SLA, SLA + 1, 9_000])
    told, today = Told(answers_in_memory, "breaches"), START.date()
    stats: dict[date, int | None] = {}
    ended: set[date] = set()
    for days in [*data.draw(st.lists(st.integers(0, 5), max_size=6)), 0]:
        today += timedelta(days=days)
        for ago in range(12):
            if data.draw(st.booleans()):
                stats[today - timedelta(days=ago)] = data.draw(p95)
        rows = [
            {"project_id": "p", "date": it, "p95_duration_seconds": seconds}
            for it, seconds in stats.items()
        ]
        now = datetime.combine(today, time(12))
        its_news = told.look(now, {**named(data.draw, now), "daily_stats": rows})
        kept = [
            it
            for it, seconds in stats.items()
            if seconds is not None and seconds <= SLA and it < today
        ]
        over = {it for it, seconds in stats.items() if (seconds or 0) > SLA}
        for it in map(_day, its_news.over):
            assert it < max(kept, default=it) or (it not in over and it < today)
        for it in map(_day, its_news.new):
            assert it in over
            # Nor is a day told again whose end was told, if the day that kept the SLA then did not:
            # that one is told itself. Only one that turned out lower, and higher again, is.
            assert it not in ended
        ended = {it for it in over if it < max(kept, default=date.min) or it in ended}
        wrong = set(map(_day, told.wrong.values()))
        assert wrong <= (over - ended) | {today}
        recent = {it for it in over if it > today - timedelta(days=7)}
        assert recent - ended <= wrong


def _day(finding: Finding) -> date:
    return date.fromisoformat(json.loads(finding.key[1])[1])
