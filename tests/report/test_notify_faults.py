"""`make notify` when something goes wrong on the way, or there is more than anybody expects."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
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
    postgres.execute("drop schema if exists dagctl_answers cascade")
    build(postgres)
    postgres.execute("create role reader login")
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
    postgres.execute("drop schema if exists dagctl_answers cascade")
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
    warehouse: Warehouse, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(warehouse)

    def drip(answer: BufferedIOBase) -> None:
        answer.write(b"HTTP/1.1 200 OK\r\nX: ")
        end = time.monotonic() + 60
        try:
            while time.monotonic() < end:
                answer.write(b"x")
                time.sleep(0.1)
        except OSError:
            raise SystemExit from None

    hook.before_answer = drip
    monkeypatch.setattr("report.notify.sending.LONGEST_WAIT", 1.0)
    began = time.monotonic()
    assert "not taken by address 1 (JSON)" in tell(warehouse, hook, code=1)
    assert time.monotonic() - began < 30
    hook.take()
    hook.before_answer = lambda _: None
    tell(warehouse, hook)
    assert [message.sections for message in hook.take()] == [SECTIONS]


def test_a_flood_is_one_short_message(warehouse: Warehouse, hook: Receiver) -> None:
    build(warehouse)
    warehouse.execute(
        "insert into dagctl_answers.model_regressions "
        "select 'p', 'sales', 'orders ' || cast(number as varchar), date '2026-02-23', "
        "date '2026-03-01', 50, 15, 10, true from generate_series(1, 20000) as models(number)"
    )
    began = time.monotonic()
    tell(warehouse, hook)
    (message,) = hook.take()
    assert message.title == "dagctl: 20,006 new"
    assert len(message.body) < 4_000
    tell(warehouse, hook)
    assert hook.take() == []
    warehouse.execute(MENDED[5])
    tell(warehouse, hook)
    (message,) = hook.take()
    assert message.title == "dagctl: 20,001 over"
    # It took minutes.
    assert time.monotonic() - began < 60
    assert len(warehouse.query(f"select * from {TOLD}")) == 6 + 5  # noqa: S608 - from above


def test_a_name_is_text_where_messages_are_html(
    warehouse: Warehouse, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Telegram refuses a message with HTML of its own, so that it would be sent for ever."""
    build(warehouse)
    warehouse.execute(
        "update dagctl_answers.broken_jobs set job_name = '<b>&lt; ' || chr(27) || '[31m @all'"
    )
    monkeypatch.setattr(
        "apprise.plugins.telegram.NotifyTelegram.notify_url",
        f"{hook.address.replace('json', 'http')}?",
    )
    told = {VARIABLE: f"tgram://123456789:{'a' * 35}/12345"}
    assert notify(warehouse, **told).returncode == 0
    (message,) = hook.take()
    assert "&lt;\u2060b&gt;&amp;lt; " in message.body
    assert "@all" not in message.body
    assert "\x1b" not in message.body


def test_a_name_may_be_as_long_as_it_likes(warehouse: Warehouse, hook: Receiver) -> None:
    """No index of PostgreSQL takes so many characters that do not repeat."""
    build(warehouse)
    name = os.urandom(6_000).hex()
    warehouse.execute(f"update dagctl_answers.broken_jobs set job_name = '{name}'")  # noqa: S608 - made up
    tell(warehouse, hook)
    (message,) = hook.take()
    assert len(message.body) < 1_000
    tell(warehouse, hook)
    assert hook.take() == []


def test_it_comes_and_goes_and_its_project_gets_another_name(
    warehouse: Warehouse, hook: Receiver
) -> None:
    build(warehouse)
    tell(warehouse, hook)
    hook.take()
    for table in ("broken_jobs", "overdue_runs", "sla_breaches", "model_regressions"):
        warehouse.execute(f"update dagctl_answers.{table} set project_name = 'renamed'")  # noqa: S608 - from above
    tell(warehouse, hook)
    assert hook.take() == []
    for titles in (["Over"], ["Runs that take too long"]):
        if titles == ["Over"]:
            warehouse.execute(
                "create table dagctl_answers.kept as table dagctl_answers.overdue_runs"
            )
            warehouse.execute(MENDED[2])
            warehouse.execute(MENDED[3])
        else:
            warehouse.execute("insert into dagctl_answers.overdue_runs table dagctl_answers.kept")
        tell(warehouse, hook)
        (message,) = hook.take()
        assert list(message.sections) == titles
        assert all("weekly (renamed)" in line for (line,) in message.sections.values())
