"""Addresses: where they may stand, and that nobody sees the secrets in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from report.notify.command import main
from report.notify.sending import addresses
from report.notify.settings import ADDRESSES as VARIABLE
from report.notify.settings import Settings
from tests.support.findings import TOLD
from tests.support.receivers import SECRET
from tests.support.reports import notify, notify_by_program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.receivers import Receiver
    from tests.support.warehouses import Warehouse


def settings(**owners: str) -> Settings:
    return Settings((), owners, {}, "")


@pytest.mark.parametrize(
    "address",
    [
        f"nonsense://{SECRET}",
        SECRET,
        f"slack://{SECRET}",
        f"json://user:{SECRET}@",
        f"mailto://{SECRET}",
    ],
)
def test_an_address_that_is_none_is_not_shown(duckdb_answers: Warehouse, address: str) -> None:
    told = {VARIABLE: f"json://127.0.0.1:1 {address}"}
    done = notify(duckdb_answers, **told)

    assert done.returncode == 1
    assert f"address 2 in {VARIABLE} is none" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("kind", ["refused", "unknown host", "no TLS", "wrong password"])
def test_a_secret_is_nowhere_when_a_message_cannot_be_sent(
    duckdb_answers: Warehouse, hook: Receiver, mail: Receiver, kind: str
) -> None:
    hook.is_down = mail.is_down = True
    address = {
        "refused": f"{hook.address} {mail.address}",
        "unknown host": f"json://{SECRET}.invalid/{SECRET}?token={SECRET}",
        "no TLS": hook.address.replace("json://", "jsons://"),
        "wrong password": mail.address.replace(f":{SECRET}", f":{SECRET[::-1]}") + "&cto=1",
    }[kind]
    if kind == "refused":
        loud = {"PYTHONDEVMODE": "1", "PYTHONWARNINGS": "default"}
        done = notify_by_program(duckdb_answers, **{VARIABLE: address}, **loud)
    else:
        done = notify(duckdb_answers, **{VARIABLE: address})

    assert done.returncode == 1
    for secret in (SECRET, SECRET[::-1], "127.0.0.1"):
        assert secret not in done.stdout + done.stderr
        assert secret not in str(duckdb_answers.query(f"select * from {TOLD}"))  # noqa: S608 - from above
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("between", [" ", ",", ";", ", ", " ;", "\n"])
def test_addresses_stand_apart_however_they_are_joined(between: str) -> None:
    hook, mail = f"json://{SECRET}/a,b", f"mailto://a:{SECRET}@example.com?to=b@example.com,c@x.com"
    found = addresses(between.join([hook, mail, hook]) + ",", settings())

    assert [it.url for it in found] == [hook, mail]
    assert [it.label for it in found] == ["address 1 (JSON)", "address 2 (E-Mail)"]
    assert SECRET not in repr(found)


def test_the_address_may_be_in_the_file_of_the_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(f"{VARIABLE}=nonsense://{SECRET}\n")
    monkeypatch.setattr("report.warehouse.ROOT", tmp_path)
    # So that it is taken back afterwards.
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(SystemExit, match=f"address 1 in {VARIABLE} is none"):
        main([])
