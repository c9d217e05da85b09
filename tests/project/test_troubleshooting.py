"""The messages of docs/troubleshooting.md that no other test provokes, and those of the SQL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from stand_in.server import Reply
from tests.support import troubleshooting
from tests.support.project import ROOT
from tests.support.syncs import DIRECTLY, Tap, config_of, run_tap

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api

# A message in a macro: texts and values, with `~` between them.
_IN_SQL = re.compile(
    r"(?:raise_compiler_error|warn|log)\((.*?)(?:, info=true)?\) ?-?%\}", re.DOTALL
)


def quotes() -> list[str]:
    return [quote for row in troubleshooting.rows() for quote in row]


def test_every_message_is_quoted_once_and_says_something() -> None:
    assert len(quotes()) == len(set(quotes())) > 60
    for quote in quotes():
        assert len(re.sub("[^a-z]", "", quote)) >= 6, quote


def test_a_message_without_a_row_is_found_out() -> None:
    with pytest.raises(AssertionError, match="no row for"):
        troubleshooting.check(["GET /projects: something else went wrong"])


def test_a_message_with_two_rows_is_found_out() -> None:
    with pytest.raises(AssertionError, match="more than one row"):
        troubleshooting.check(["the host's name is not known; the TLS connection failed"])


def test_every_message_of_the_sql_has_its_row() -> None:
    found = [
        "".join(text or "dagctl_x" for text, _ in re.findall(r"'([^']*)'|([\w.]+)", message))
        for path in sorted((ROOT / "packages" / "transform").rglob("*.sql"))
        for message in _IN_SQL.findall(path.read_text())
    ]
    assert len(found) >= 7
    troubleshooting.check(found)


def test_a_proxy_that_wants_a_password(api: Api, tap: Tap) -> None:
    api.misbehave = lambda _: Reply(407, b"")
    output = tap()
    assert "write them into HTTPS_PROXY" in output.error


def test_a_host_that_no_name_server_can_be_asked_for(api: Api, tmp_path: Path) -> None:
    config = config_of(api) | {"api_url": f"https://{'x' * 70}.example"}
    output = run_tap(tmp_path, config, environment=DIRECTLY)
    assert "it cannot be asked for (LocationParseError)" in output.error


def test_a_row_that_cannot_be_loaded(api: Api, tap: Tap) -> None:
    api.misbehave = lambda it: Reply(200, b'{"jobs": [{}]}') if "/jobs" in it.path else None
    output = tap(max_attempts=1)

    assert output.exit_code == 1
    assert all("a row has no id, so it cannot be loaded" in error for error in output.errors)


def test_a_value_nested_deeper_than_a_map_can_follow(api: Api, tap: Tap) -> None:
    nested = '{"a":' * 600 + "1" + "}" * 600
    body = f'{{"jobs": [{{"id": "deep", "resources": {nested}}}], "total": 1}}'.encode()
    api.misbehave = lambda request: Reply(200, body) if "/jobs" in request.path else None
    maps = {"jobs": {"text": "str(record['resources'])"}}
    output = tap(stream_maps=maps)
    assert "nested too deeply" in output.error


@pytest.mark.parametrize("stream", ["runs", "daily_stats"])
def test_a_bookmark_in_the_future(api: Api, tap: Tap, stream: str) -> None:
    api.world.put("runs", "proj_a", {"id": "run"})
    state = tap().state
    for part in state["bookmarks"][stream]["partitions"]:
        part["replication_key_value"] = "2099-01-01" + "T00:00:00Z" * (stream == "runs")
    output = tap(state=state)

    assert output.exit_code == 0, output.stderr
    assert output.stderr.count("the bookmark lies in the server's future") == 2
    assert len(output.records("runs")) == (stream == "runs")
