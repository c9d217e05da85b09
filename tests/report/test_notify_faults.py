"""`make notify` when something goes wrong on the way, or there is more than anybody expects."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg

from report.notify.settings import ADDRESSES as VARIABLE
from tests.support.findings import MENDED, SECTIONS, TOLD, build, tell
from tests.support.project import ROOT
from tests.support.reports import notify

if TYPE_CHECKING:
    from io import BufferedIOBase

    import pytest

    from tests.support.receivers import Receiver
    from tests.support.warehouses import Warehouse


def test_killed_before_it_is_remembered(warehouse: Warehouse, hook: Receiver) -> None:
    """The message comes again, with what has become of it meanwhile."""
    build(warehouse)
    line = [sys.executable, "-m", "report", "notify", "--warehouse", warehouse.loader[7:]]
    environment = {**warehouse.environment, VARIABLE: hook.address}
    with subprocess.Popen(
        line, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        hook.before_answer = lambda _: process.kill()
        said = process.communicate()
    assert (process.returncode, *said) == (-9, b"", b"")
    assert [message.sections for message in hook.take()] == [SECTIONS]

    hook.before_answer = lambda _: None
    warehouse.execute(MENDED[0])
    warehouse.execute(MENDED[1])
    tell(warehouse, hook)
    (broken,) = SECTIONS["Jobs broken"]
    (message,) = hook.take()
    assert message.sections == {**SECTIONS, "Jobs broken": [f"{broken} (over: mended)"]}
    tell(warehouse, hook)
    assert hook.take() == []


def test_nothing_is_sent_that_cannot_be_remembered(postgres: Warehouse, hook: Receiver) -> None:
    """It would be sent again every ten minutes."""
    build(postgres)
    postgres.execute("drop role if exists reader; create role reader login")
    postgres.execute("grant usage on schema dagctl_answers to reader")
    postgres.execute("grant select on all tables in schema dagctl_answers to reader")
    reader = {"TARGET_POSTGRES_USER": "reader", VARIABLE: hook.address}
    done = notify(postgres, **reader)

    assert done.returncode == 1
    assert "permission denied for schema dagctl_answers" in done.stderr
    assert hook.take() == []
    assert notify(postgres, "--fail-on", "broken", TARGET_POSTGRES_USER="reader").returncode == 3


def test_one_right_after_another(postgres: Warehouse, hook: Receiver) -> None:
    """The connection of the first may live for a moment longer than its program."""
    build(postgres)
    lock = "select pg_advisory_lock(hashtext('report.notify.command dagctl_answers'))"
    url = postgres.environment["TARGET_POSTGRES_SQLALCHEMY_URL"].replace("+psycopg2", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(lock)
        end = threading.Timer(1.0, connection.close)
        end.start()
        tell(postgres, hook)
        end.join()
    assert [message.sections for message in hook.take()] == [SECTIONS]


def test_an_answer_without_end_is_broken_off(
    duckdb_answers: Warehouse, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:

    is_told, is_at_its_end = threading.Event(), threading.Event()

    def drip(answer: BufferedIOBase) -> None:
        answer.write(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(3_000):
            if is_told.wait(0.1):
                return
            with suppress(OSError):  # once nobody reads it any more
                answer.write(b"x")
        is_at_its_end.set()

    hook.before_answer = drip
    monkeypatch.setattr("report.notify.sending.LONGEST_WAIT", 1.0)
    assert "not taken by address 1 (JSON)" in tell(duckdb_answers, hook, code=1)
    assert not is_at_its_end.is_set()
    is_told.set()
    hook.take()
    hook.before_answer = lambda _: None
    tell(duckdb_answers, hook)
    assert [message.sections for message in hook.take()] == [SECTIONS]


def test_a_flood_is_one_short_message(postgres: Warehouse, hook: Receiver) -> None:
    build(postgres)
    postgres.execute(
        "insert into dagctl_answers.model_regressions "
        "select 'p', 'sales', 'orders ' || cast(number as varchar), date '2026-02-23', "
        "date '2026-03-01', 50, 15, 10, true from generate_series(1, 20000) as models(number)"
    )
    began = time.process_time()
    tell(postgres, hook)
    (message,) = hook.take()
    assert message.title == "dagctl: 20,006 new"
    assert len(message.body) < 4_000
    tell(postgres, hook)
    assert hook.take() == []
    postgres.execute(MENDED[5])
    tell(postgres, hook)
    (message,) = hook.take()
    assert message.title == "dagctl: 20,001 over"
    # It took minutes.
    assert time.process_time() - began < 60
    assert len(postgres.query(f"select * from {TOLD}")) == 6 + 5  # noqa: S608 - from above


def test_a_name_is_text_where_messages_are_html(
    duckdb_answers: Warehouse, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Telegram refuses a message with HTML of its own, so that it would be sent for ever."""
    duckdb_answers.execute(
        "update dagctl_answers.broken_jobs set job_name = '<b>&lt; ' || chr(27) || '[31m @all'"
    )
    monkeypatch.setattr(
        "apprise.plugins.telegram.NotifyTelegram.notify_url",
        f"{hook.address.replace('json', 'http')}?",
    )
    told = {VARIABLE: f"tgram://123456789:{'a' * 35}/12345"}
    assert notify(duckdb_answers, **told).returncode == 0
    (message,) = hook.take()
    assert "&lt;\u2060b&gt;&amp;lt; " in message.body
    assert "@all" not in message.body
    assert "\x1b" not in message.body


def test_a_name_may_be_as_long_as_it_likes(postgres: Warehouse, hook: Receiver) -> None:
    """No index of PostgreSQL takes so many characters that do not repeat."""
    build(postgres)
    name = os.urandom(6_000).hex()
    postgres.execute(f"update dagctl_answers.broken_jobs set job_name = '{name}'")  # noqa: S608 - made up
    tell(postgres, hook)
    (message,) = hook.take()
    assert len(message.body) < 1_000
    tell(postgres, hook)
    assert hook.take() == []


def test_it_comes_and_goes_and_its_project_gets_another_name(
    duckdb_answers: Warehouse, hook: Receiver
) -> None:
    tell(duckdb_answers, hook)
    hook.take()
    for table in ("broken_jobs", "overdue_runs", "sla_breaches", "model_regressions"):
        duckdb_answers.execute(f"update dagctl_answers.{table} set project_name = 'renamed'")  # noqa: S608 - from above
    tell(duckdb_answers, hook)
    assert hook.take() == []
    for titles in (["Over"], ["Runs that take too long"]):
        if titles == ["Over"]:
            duckdb_answers.execute(
                "create table dagctl_answers.kept as table dagctl_answers.overdue_runs"
            )
            duckdb_answers.execute(MENDED[2])
            duckdb_answers.execute(MENDED[3])
        else:
            duckdb_answers.execute(
                "insert into dagctl_answers.overdue_runs table dagctl_answers.kept"
            )
        tell(duckdb_answers, hook)
        (message,) = hook.take()
        assert list(message.sections) == titles
        assert all("weekly (renamed)" in line for (line,) in message.sections.values())
