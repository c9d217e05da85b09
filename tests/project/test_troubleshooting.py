"""The messages of docs/troubleshooting.md that no other test provokes, and those of the SQL."""

from __future__ import annotations

import re
from typing import Any

import pytest

from stand_in.server import Api, Reply
from tests.support import troubleshooting
from tests.support.at_request import instead
from tests.support.project import ROOT
from tests.support.syncs import DIRECTLY, Tap

# A message in a macro: texts and values, with `~` between them.
_IN_SQL = re.compile(
    r"(?:raise_compiler_error|warn|log)\((.*?)(?:, info=true)?\) ?-?%\}", re.DOTALL
)
NESTED = '{"a":' * 600 + "1" + "}" * 600


def test_every_message_of_the_sql_has_its_row() -> None:
    found = [
        "".join(text or "dagctl_x" for text, _ in re.findall(r"'([^']*)'|([\w.]+)", message))
        for path in sorted((ROOT / "packages" / "transform").rglob("*.sql"))
        for message in _IN_SQL.findall(path.read_text())
    ]
    assert len(found) >= 7
    troubleshooting.check(found)


@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize(
    ("reply", "settings", "line"),
    [
        # A proxy that wants a password.
        (Reply(407, b""), {}, "write them into HTTPS_PROXY"),
        # A host that no name server can be asked for.
        (None, {"api_url": f"https://{'x' * 70}.example"}, "be asked for (LocationParseError)"),
        (Reply(200, b'{"jobs": [{}]}'), {}, "a row has no id, so it cannot be loaded"),
        (
            Reply(200, b'{"runs": [{"id": "a", "updated_at": "0001-01-01T00:00:00+01:00"}]}'),
            {},
            "updated_at of row 'a' is outside the years 1 to 9999",
        ),
        (
            Reply(200, f'{{"jobs": [{{"id": "a", "resources": {NESTED}}}], "total": 1}}'.encode()),
            {"stream_maps": {"jobs": {"text": "str(record['resources'])"}}},
            "nested too deeply",
        ),
    ],
)
def test_what_no_other_test_provokes(
    api: Api, tap: Tap, reply: Reply | None, settings: dict[str, Any], line: str
) -> None:
    if reply:
        instead(api, "/runs" if b"runs" in reply.body else "/jobs", reply)
    output = tap(environment=DIRECTLY, max_attempts=1, **({"api_url": api.url} | settings))
    assert output.exit_code == 1
    assert all(line in error for error in output.errors)


@pytest.mark.parametrize("stream", ["runs", "daily_stats"])
def test_a_bookmark_in_the_future(api: Api, tap: Tap, stream: str) -> None:
    api.world.put("runs", "proj_a", {"id": "run", "end_time": "0001-01-01T00:00:00+01:00"})
    state = tap().state
    for part in state["bookmarks"][stream]["partitions"]:
        part["replication_key_value"] = "2099-01-01" + "T00:00:00Z" * (stream == "runs")
    output = tap(state=state).succeeded

    assert output.stderr.count("the bookmark lies in the server's future") == 2
    assert len(output.records("runs")) == (stream == "runs")
