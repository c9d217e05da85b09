"""`make notify`, on answers of which every row is known: who is told what, and what is not said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from packages.report.tests.support.findings import MENDED, OVER, SECTIONS, TOLD, build, tell
from report.notify.command import FOUND
from report.notify.settings import ADDRESSES as VARIABLE
from tests.support.receivers import SECRET, Receiver
from tests.support.reports import notify, run_program
from tests.support.warehouses import Warehouse, duckdb_at


def test_each_is_told_once_and_its_end_once(
    warehouse: Warehouse, hook: Receiver, mail: Receiver
) -> None:
    build(answers := warehouse)
    for _ in range(2):
        tell(answers, hook, mail)
    for receiver in (hook, mail):
        (message,) = receiver.take()
        assert message.title == "dagctl: 6 new"
        assert message.sections == SECTIONS

    answers.execute("; ".join(MENDED))
    for _ in range(2):
        said = tell(answers, hook, mail)
    assert said == (
        "notify: nothing new for address 1 (JSON)\nnotify: nothing new for address 2 (E-Mail)\n"
    )
    for receiver in (hook, mail):
        (message,) = receiver.take()
        assert message.title == "dagctl: 6 over"
        assert sorted(message.sections["Over"]) == OVER

    # The day is still in its answer; of the rest nothing is kept.
    rows = answers.query(f"select kind, state from {TOLD} where state <> 'begun'")  # noqa: S608 - from above
    assert rows == [{"kind": "breaches", "state": "over"}] * 2


def test_who_could_not_be_told_is_told_later_and_nobody_else_twice(
    answers: Warehouse, hook: Receiver, mail: Receiver
) -> None:
    hook.is_down = True
    said = tell(answers, hook, mail, code=1)
    assert "notify: not taken by address 1 (JSON): it is sent again next time" in said
    assert [message.sections for message in mail.take()] == [SECTIONS]

    # What is over before anybody could be told of it is told as well.
    answers.execute("; ".join(MENDED[:2]))
    tell(answers, hook, mail, code=1)
    assert [message.title for message in mail.take()] == ["dagctl: 1 over"]

    hook.is_down = False
    # An address is known by what it is, not by its place.
    tell(answers, mail, hook)
    assert mail.take() == []
    (message,) = hook.take()
    (broken,) = SECTIONS["Jobs broken"]
    assert message.sections == {**SECTIONS, "Jobs broken": [f"{broken} (over: mended)"]}
    tell(answers, mail, hook)
    assert hook.take() == mail.take() == []


def test_each_row_of_an_answer_is_a_finding_of_its_own(answers: Warehouse, hook: Receiver) -> None:
    for table, change in {
        "broken_jobs": "'hourly' as job_name",
        "overdue_runs": "'another' as run_id",
        "sla_breaches": "date '2026-03-03' as date",
        "model_regressions": "'returns' as model_name",
        # As the job is called.
        "held_back_models": "'nightly' as model_name",
        # Also one that belongs to no project.
        "unread_streams": "unnest(['p', '']) as project_id, unnest(['runs', 'members']) as stream",
    }.items():
        row = f"select * replace ({change}) from dagctl_answers.{table}"  # noqa: S608 - from here
        answers.execute(f"insert into dagctl_answers.{table} {row}")
    tell(answers, hook)
    (message,) = hook.take()
    assert message.title == "dagctl: 13 new"
    assert len({it["id"] for it in message.fields["findings"]}) == 13
    assert "- members: cannot be read since 3 Mar" in message.body

    answers.execute("; ".join(MENDED[:2]))
    for titles in (["dagctl: 1 over"], []):
        tell(answers, hook)
        assert [message.title for message in hook.take()] == titles


def test_a_dry_run_prints_and_remembers_nothing(answers: Warehouse, hook: Receiver) -> None:
    told: dict[str, Any] = {VARIABLE: hook.address}
    for environment, whom in ((told, "to address 1 (JSON)"), ({}, "as to a new address")):
        printed = notify(answers, "--dry-run", **environment).stdout
        assert f"notify: {whom}:\n\ndagctl: 6 new\n" in printed
        assert all(line in printed for (line,) in SECTIONS.values())
        assert SECRET not in printed
    tell(answers, hook)
    assert [message.sections for message in hook.take()] == [SECTIONS]
    said = notify(answers, "--dry-run", **told).stdout
    assert said == "notify: nothing new, to address 1 (JSON)\n"
    # Others may read the file meanwhile.
    with duckdb.connect(answers.target["filepath"], read_only=True):
        run_program(answers, "notify", "--dry-run", code=0, **told)


def test_an_exit_code_needs_no_address_and_wants_its_answers(
    answers: Warehouse, hook: Receiver
) -> None:
    for kinds in ("breaches,regressions", "overdue, broken"):
        said = notify(answers, "--fail-on", kinds, code=FOUND).stdout
        assert ("Days over the SLA\n- sales, 2 Mar 2026" in said) == ("breaches" in kinds)
    # Beside a message, and also when there is nothing new.
    for expected in (1, 0):
        notify(answers, "--fail-on", "breaches", code=FOUND, **{VARIABLE: hook.address})
        assert len(hook.take()) == expected
    answers.execute("; ".join(MENDED))
    notify(answers, "--fail-on", "breaches,regressions,broken,overdue")

    answers.execute("alter table dagctl_answers.settings_used drop column sla_days")
    assert "built by another version" in notify(answers, "--fail-on", "breaches", code=1).stderr
    answers.execute("drop table dagctl_answers.sla_breaches")
    said = notify(answers, "--fail-on", "breaches", code=1).stderr
    assert "not built yet in the schema dagctl_answers: sla_breaches" in said
    notify(answers, "--fail-on", "slow", code=2)
    elsewhere = notify(answers, "--warehouse", "snowflake", code=2).stderr
    assert "the answers are tables in the schema dagctl_answers: query them there" in elsewhere


def test_a_year_of_history_is_not_told(answers: Warehouse, hook: Receiver) -> None:
    """A project that never kept its SLA: the days that the answer shows, and not those before."""
    answers.execute(
        "insert into dagctl_answers.stg_dagctl__daily_stats "
        "select 'p', date '2026-02-25' - cast(ago as integer), 2400 "
        "from generate_series(0, 364) as days(ago)"
    )
    tell(answers, hook)

    assert [message.sections for message in hook.take()] == [SECTIONS]


AS_OF = "update settings_used set as_of = timestamp"
KEPT = "update stg_dagctl__daily_stats set p95_duration_seconds = 60"
NO_RISE = "delete from model_regressions"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            (
                "insert into known_jobs (project_id, job_name) values ('p', 'weekly'); "
                "update known_jobs set is_gone = true"
            ),
            [
                "nightly (sales): the job is gone",
                "weekly (sales), started 4 Mar 2026, 06:00 UTC: the job is gone",
            ],
        ),
        (
            "update known_projects set is_gone = true",
            [
                "jobs (sales): the project is gone",
                "orders (sales), from 23 Feb 2026: the project is gone",
                "sales, 2 Mar 2026: the project is gone",
                "stock (sales): the project is gone",
            ],
        ),
        *(
            (KEPT.replace("60", p95), ["sales, 2 Mar 2026: its p95 is not over the SLA any more"])
            for p95 in ("60", "null")
        ),
        (NO_RISE, ["orders (sales), from 23 Feb 2026: its p95 turned out lower"]),
        ("delete from unread_streams", ["jobs (sales): it is not read any more"]),
        # None of that is an end: what is not known yet, or not any more, or goes on.
        ("delete from unread_streams; delete from stg_dagctl__syncs", []),
        (f"{AS_OF} '2026-03-02 12:00'; {KEPT}", []),
        (f"{AS_OF} '2026-03-01 12:00'; {NO_RISE}", []),
        *(
            (f"{NO_RISE}; delete from stg_dagctl__model_stats where end_date {it} '2026-02-23'", [])  # noqa: S608 - from above
            for it in "<>"
        ),
        ("update stg_dagctl__model_executions set status = 'running'", []),
        # The run that was told runs again, and an older one succeeded; today's p95 can still rise.
        (f"update stg_dagctl__runs set status = 'running' where id = 'bad'; {MENDED[1]}", []),  # noqa: S608 - from above
        ("insert into stg_dagctl__daily_stats values ('p', date '2026-03-04', 60)", []),
        (
            "update stg_dagctl__runs set status = 'failed'",
            ["weekly (sales), started 4 Mar 2026, 06:00 UTC: ended (failed)"],
        ),
    ],
)
def test_why_something_is_over(
    answers: Warehouse, hook: Receiver, statement: str, said: list[str]
) -> None:
    tell(answers, hook)
    hook.take()
    # What the answers no longer show is not over for that.
    hidden = "model_regressions set is_current = false"
    for table in ("broken_jobs", "overdue_runs", "sla_breaches", "held_back_models"):
        hidden += f"; delete from {table}"  # noqa: S608 - from above
    answers.execute(f"use dagctl_answers; update {hidden}; {statement}")
    tell(answers, hook)
    sections = [message.sections for message in hook.take()]

    assert [{title: sorted(lines) for title, lines in it.items()} for it in sections] == [
        {"Over": said}
    ] * bool(said)


def test_what_is_made_up_is_told_to_nobody_and_without_an_address_nothing_is_read(
    tmp_path: Path, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = duckdb_at(tmp_path / "demo.duckdb")
    build(demo)
    monkeypatch.setattr("report.warehouse.LOADED", tmp_path / "output" / "warehouse.duckdb")

    none = replace(demo, environment={})
    assert "warehouse.duckdb is not there: load it" in tell(none, hook, code=1)
    for name in ("DEMO", "SANDBOX"):
        with monkeypatch.context() as patched:
            patched.setattr(f"report.warehouse.{name}", tmp_path / "demo.duckdb")
            assert "holds a made-up account" in tell(demo, hook, code=1)
    assert hook.take() == []
    assert notify(none).stdout == f"notify: {VARIABLE} is not set, so nobody is told\n"
