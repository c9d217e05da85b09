"""A proxy that cannot be used is one line, which names the variable and shows no password."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.syncs import Tap

NAMES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def line(tap: Tap, **environment: str) -> str:
    url = "https://dagctl.example/api/v1"
    output = tap(max_attempts=1, api_url=url, environment=environment)
    assert "made-up-password" not in output.stderr
    return output.error


@pytest.mark.parametrize(
    "url",
    [
        *("://", "http://", "ftp://proxy:1", "http://proxy:99999", "http://proxy:port"),
        *("x" * 300, "http://user:made-up-password@[x"),
    ],
)
def test_a_url_that_is_none_names_its_variable(tap: Tap, url: str) -> None:
    assert re.fullmatch(
        r"GET /projects: the proxy in HTTPS_PROXY cannot be used \(\w+\): write it like "
        r"http://proxy\.example\.com:3128",
        line(tap, HTTPS_PROXY=url),
    )


@pytest.mark.parametrize("name", ["https_proxy", "all_proxy", "ALL_PROXY"])
def test_a_socks_proxy_needs_pysocks(tap: Tap, name: str) -> None:
    url = "socks5h://user:made-up-password@127.0.0.1:1"
    assert line(tap, **{name: url}) == (
        f"GET /projects: {name} names a SOCKS proxy, and PySocks is not here: install PySocks "
        "beside the tap, or name a proxy that speaks HTTP"
    )
