"""`make notify` when something goes wrong on the way, or there is more than anybody expects."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from io import BufferedIOBase
from pathlib import Path

import pytest

from packages.report.tests.support.findings import MENDED, SECTIONS, TOLD, build, tell
from report.notify.command import FOUND, main
from report.notify.sending import addresses
from report.notify.settings import ADDRESSES as VARIABLE
from report.notify.settings import Settings
from tests.support.project import ROOT
from tests.support.receivers import SECRET, Receiver
from tests.support.reports import line_of, notify, run, run_program
from tests.support.warehouses import Warehouse


def test_killed_before_it_is_remembered(warehouse: Warehouse, hook: Receiver) -> None:
    """The message comes again, with what has become of it meanwhile."""
    build(warehouse)
    line = [sys.executable, "-m", "report", *line_of(warehouse, "notify")]
    environment = {**warehouse.environment, VARIABLE: hook.address}
    with subprocess.Popen(
        line, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        hook.before_answer = lambda _: process.kill()
        said = process.communicate()
    assert (process.returncode, *said) == (-9, b"", b"")
    assert [message.sections for message in hook.take()] == [SECTIONS]

    hook.before_answer = lambda _: None
    warehouse.execute("; ".join(MENDED[:2]))
    tell(warehouse, hook)
    (broken,) = SECTIONS["Jobs broken"]
    (message,) = hook.take()
    assert message.sections == {**SECTIONS, "Jobs broken": [f"{broken} (over: mended)"]}
    tell(warehouse, hook)
    assert hook.take() == []


def test_nothing_is_sent_that_cannot_be_remembered(postgres: Warehouse, hook: Receiver) -> None:
    """It would be sent again every ten minutes."""
    build(postgres)
    postgres.execute("""
        drop role if exists reader; create role reader login;
        grant usage on schema dagctl_answers to reader;
        grant select on all tables in schema dagctl_answers to reader
    """)
    reader = {"TARGET_POSTGRES_USER": "reader", VARIABLE: hook.address}
    said = notify(postgres, code=1, **reader).stderr

    assert "permission denied for schema dagctl_answers" in said
    assert hook.take() == []
    notify(postgres, "--fail-on", "broken", code=FOUND, TARGET_POSTGRES_USER="reader")


def test_two_at_once_do_not_tell_the_same(
    warehouse: Warehouse, hook: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them holds PostgreSQL's lock, or DuckDB's file, which nobody else can read then."""
    build(warehouse)
    for name, value in (warehouse.environment | {VARIABLE: hook.address}).items():
        monkeypatch.setenv(name, value)
    said: list[str] = []

    def sent(*_: object) -> bool:
        commands = [["notify"]]
        if warehouse.kind == "duckdb":
            commands.append(["--output", str(tmp_path / "page.html")])
        for command in commands:
            done = run_program(warehouse, *command, code=1, **{VARIABLE: hook.address})
            said.append(done.stderr)
            assert len(done.stderr.splitlines()) == 1
        return True

    monkeypatch.setattr("report.notify.sending.Address.send", sent)
    with pytest.raises(SystemExit) as ended:
        main(line_of(warehouse, "notify")[1:])

    assert ended.value.code == 0
    assert "try again" in said[0]
    assert all("warehouse.duckdb is in use by another program" in it for it in said[1:])
    assert hook.take() == []


def test_one_right_after_another(postgres: Warehouse, hook: Receiver) -> None:
    """The connection of the first may live for a moment longer than its program."""
    build(postgres)
    with postgres.connect(read_only=False) as connection:
        connection.execute(
            "select pg_advisory_lock(hashtext('report.notify.command dagctl_answers'))"
        )
        end = threading.Timer(1.0, connection.close)
        end.start()
        tell(postgres, hook)
        end.join()
    assert [message.sections for message in hook.take()] == [SECTIONS]


def test_an_answer_without_end_is_broken_off(
    answers: Warehouse, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_told = threading.Event()

    def drip(answer: BufferedIOBase) -> None:
        answer.write(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(3_000):
            if is_told.wait(0.1):
                return
            with suppress(OSError):  # once nobody reads it any more
                answer.write(b"x")

    hook.before_answer = drip
    monkeypatch.setattr("report.notify.sending.LONGEST_WAIT", 1.0)
    began = time.monotonic()
    assert "not taken by address 1 (JSON)" in tell(answers, hook, code=1)
    # What sends gives up by itself after a minute.
    assert time.monotonic() - began < 30
    is_told.set()
    hook.take()
    hook.before_answer = lambda _: None
    tell(answers, hook)
    assert [message.sections for message in hook.take()] == [SECTIONS]


def test_a_flood_and_a_name_without_end_are_one_short_message(
    postgres: Warehouse, hook: Receiver
) -> None:
    build(postgres)
    postgres.execute(
        "insert into dagctl_answers.model_regressions "
        "select 'p', 'sales', 'orders ' || cast(number as varchar), date '2026-02-23', "
        "date '2026-03-01', 50, 15, 10, true from generate_series(1, 20000) as models(number)"
    )
    # No index of PostgreSQL takes so many characters that do not repeat.
    name = os.urandom(6_000).hex()
    postgres.execute(f"update dagctl_answers.broken_jobs set job_name = '{name}'")  # noqa: S608 - made up
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


def test_the_file_of_the_variables(
    answers: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may hold the address, and must be text."""
    monkeypatch.setattr("report.warehouse.ROOT", tmp_path)
    (tmp_path / ".env").write_text(f"{VARIABLE}=nonsense://{SECRET}\n")
    assert f"address 1 in {VARIABLE} is none" in notify(answers, code=1).stderr

    (tmp_path / ".env").write_bytes(b"TARGET_POSTGRES_PASSWORD=pass\xe9\n")
    said = f"{tmp_path / '.env'} is not UTF-8: save it as UTF-8\n"
    assert notify(answers, code=1).stderr == f"notify: {said}"
    done = run(answers, "--output", str(tmp_path / "page.html"), code=1)
    assert done.stderr == f"report: {said}"


@pytest.mark.parametrize("kind", ["refused", "unknown host", "no TLS", "wrong password"])
def test_a_secret_is_nowhere_when_a_message_cannot_be_sent(
    answers: Warehouse, hook: Receiver, mail: Receiver, kind: str
) -> None:
    hook.is_down = mail.is_down = True
    address = {
        "refused": f"{hook.address} {mail.address}",
        "unknown host": f"json://{SECRET}.invalid/{SECRET}?token={SECRET}",
        "no TLS": hook.address.replace("json://", "jsons://"),
        "wrong password": mail.address.replace(f":{SECRET}", f":{SECRET[::-1]}") + "&cto=1",
    }[kind]
    loud = {"PYTHONDEVMODE": "1", "PYTHONWARNINGS": "default", VARIABLE: address}
    done = run_program(answers, "notify", code=1, **loud)

    assert len(done.stderr.splitlines()) == 1
    kept = str(answers.query(f"select * from {TOLD}"))  # noqa: S608 - from above
    for secret in (SECRET, SECRET[::-1], "127.0.0.1"):
        assert secret not in done.stdout + done.stderr + kept


def test_addresses_stand_apart_however_they_are_joined() -> None:
    hook, mail = f"json://{SECRET}/a,b", f"mailto://a:{SECRET}@example.com?to=b@example.com,c@x.com"
    found = addresses(f"{hook},{mail} ;{hook}\n{mail} {hook},", Settings((), {}, {}, ""))

    assert [it.url for it in found] == [hook, mail]
    assert [it.label for it in found] == ["address 1 (JSON)", "address 2 (E-Mail)"]
    assert SECRET not in repr(found)
