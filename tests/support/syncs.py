"""Runs the tap as a user's shell would, and reads what it wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support import troubleshooting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stand_in.server import Api

Record = dict[str, Any]
TAP = Path(sys.executable).with_name("tap-dagctl")
# An environment in which no proxy and no authority is named.
DIRECTLY = dict.fromkeys(
    ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "REQUESTS_CA_BUNDLE"), ""
)
BROKEN_OFF = "no connection, or it was broken off"


@dataclass
class Output:
    """What one invocation wrote."""

    exit_code: int
    stdout: str
    stderr: str
    messages: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, exit_code: int, stdout: str, stderr: str) -> Output:
        troubleshooting.check(troubleshooting.of_the_tap(stderr))
        lines = [line for line in stdout.splitlines() if line.startswith('{"type"')]
        return cls(exit_code, stdout, stderr, [json.loads(line) for line in lines])

    def records(self, stream: str) -> list[Record]:
        return [
            message["record"]
            for message in self.messages
            if message["type"] == "RECORD" and message["stream"] == stream
        ]

    def table(self, stream: str, *keys: str) -> dict[tuple[Any, ...], Record]:
        """What a loader that upserts holds of a stream."""
        return {tuple(row[key] for key in keys): row for row in self.records(stream)}

    @property
    def state(self) -> dict[str, Any]:
        states = [message["value"] for message in self.messages if message["type"] == "STATE"]
        return states[-1] if states else {}

    @property
    def error(self) -> str:
        """The one line a failed invocation ends with, which shows no traceback and no token."""
        assert self.exit_code == 1, self.stderr
        assert "Traceback" not in self.stderr
        assert "made_up" not in self.stdout + self.stderr
        (line,) = self.errors
        return line.split("|", 3)[-1].strip()

    @property
    def warnings(self) -> list[str]:
        """Those of the tap; the SDK has one of its own for a Python that is past its time."""
        lines = self.stderr.splitlines()
        return [line for line in lines if "| WARNING" in line and "| py.warnings " not in line]

    @property
    def errors(self) -> list[str]:
        return [line for line in self.stderr.splitlines() if "| ERROR" in line]


def config_of(api: Api, **settings: Any) -> dict[str, Any]:
    return {
        "api_token": api.world.token,
        "organization_id": api.world.organization_id,
        "api_url": api.url,
        **settings,
    }


def arguments(
    directory: Path,
    config: dict[str, Any] | None = None,
    *options: str,
    state: dict[str, Any] | None = None,
    catalog: dict[str, Any] | None = None,
) -> list[str]:
    """Return the command line of the installed `tap-dagctl`; its files lie in `directory`."""
    line = [str(TAP), *options]
    for name, content in (("config", config), ("state", state), ("catalog", catalog)):
        if content is not None:
            path = directory / f"{name}.json"
            path.write_text(json.dumps(content))
            line += [f"--{name}", str(path)]
    return line


def run_tap(
    directory: Path,
    config: dict[str, Any] | None = None,
    *options: str,
    state: dict[str, Any] | None = None,
    catalog: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
) -> Output:
    """Run the tap as a program until it ends."""
    done = subprocess.run(
        arguments(directory, config, *options, state=state, catalog=catalog),
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        timeout=300,
        env={**os.environ, **(environment or {})},
    )
    return Output.of(done.returncode, done.stdout, done.stderr)


def selecting(catalog: dict[str, Any], streams: Iterable[str]) -> dict[str, Any]:
    """Return `catalog` with just these streams selected."""
    chosen = set(streams)
    for entry in catalog["streams"]:
        for metadata in entry["metadata"]:
            if metadata["breadcrumb"] == []:
                metadata["metadata"]["selected"] = entry["tap_stream_id"] in chosen
    return catalog
