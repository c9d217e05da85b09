"""Rows that come late, in any order, or corrected: each trouble is told once, and has no false end.

What is told is compared with what truly happened, of which the answers see more and more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from report.notify.findings import KINDS, reasons
from report.notify.news import Finding, Memory, news
from tests.support.answers_in_memory import AnswersInMemory
from tests.support.base_time import NOW

START = NOW.replace(tzinfo=None) - timedelta(days=4)


@dataclass(frozen=True)
class Happened:
    """A run or an execution of a model: what is loaded of it comes nearer to the truth."""

    key: str
    name: str
    status: str
    end: datetime
    versions: tuple[dict[str, Any], ...]

    def order(self, kind: str) -> datetime:
        """When it counts: a run by its end, an execution by its start."""
        return self.end if kind == "broken" else self.versions[-1]["start_time"]


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


@pytest.mark.parametrize(
    ("kind", "bad", "table", "column"),
    [
        ("broken", "failed", "runs", "job_name"),
        ("held_back", "skipped", "model_executions", "model_name"),
    ],
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_broken_or_held_back(
    answers_in_memory: AnswersInMemory,
    data: st.DataObject,
    kind: str,
    bad: str,
    table: str,
    column: str,
) -> None:
    happened, ask = data.draw(happenings(bad)), answers_in_memory
    by_key = {it.key: it for it in happened}
    in_order = sorted(happened, key=lambda it: (it.order(kind), it.key))
    now = START + timedelta(days=4)
    wrong: dict[str, Finding] = {}
    memory: Memory = {}
    seen = dict.fromkeys(by_key, -1)
    looks = data.draw(st.lists(st.sampled_from([1, 24, 24 * 40]), min_size=1, max_size=3))
    for hours in (1, *looks, 1, 0):
        now += timedelta(hours=hours)
        # Some more becomes known of some, and in the end all.
        for it in happened:
            last = len(it.versions) - 1
            seen[it.key] = data.draw(st.integers(seen[it.key], last)) if hours else last
        known = [it for it in in_order if seen[it.key] >= 0]
        rows = {table: [{**it.versions[seen[it.key]], column: it.name} for it in known]}
        if hours:
            # Projects and jobs may come late, and a project may be renamed.
            stamp = {"_sdc_extracted_at": now}
            projects = data.draw(st.sampled_from([[], ["sales"], ["renamed"]]))
            jobs = data.draw(st.sampled_from([[], ["a", "b"]]))
            rows["projects"] = [{"id": "p", "name": it, **stamp} for it in projects]
            rows["jobs"] = [{"id": it, "project_id": "p", "name": it, **stamp} for it in jobs]
        ask.load(now, rows)
        told = news(KINDS[kind].findings(ask), [kind], memory, partial(reasons, ask))
        memory = told.if_sent
        assert not [it for it in told.new if it.is_over]
        for finding in told.over:
            name = finding.name.split(" ")[0]
            before = wrong.pop(name)
            its = [it for it in known if it.name == name and seen[it.key] == len(it.versions) - 1]
            if kind == "held_back":
                assert its[-1].status == "success"
            else:
                # Something succeeded after what was told, in truth.
                begun = by_key[before.evidence].end
                assert any(it.status == "success" and it.end >= begun for it in its)
        for finding in told.new:
            name = finding.name.split(" ")[0]
            assert name not in wrong
            wrong[name] = finding
    newest = {it.name: it for it in in_order}
    truly = {name for name, it in newest.items() if it.status == bad}
    # Who was told everything knows what is so: all of it that is not too old to be news, or little.
    assert wrong.keys() <= truly
    if kind == "broken" and now - START < timedelta(days=20):
        assert wrong.keys() == truly
