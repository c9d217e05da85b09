"""`make sandbox` in a terminal, and the README's command against it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tests.support.programs import ended
from tests.support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start it with a terminal for its input."""
    terminal, its_end = pty.openpty()
    config = str(tmp_path / "sandbox.json")
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--days", "10", "--config", config],
        cwd=ROOT,
        stdin=its_end,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()
    os.close(terminal)
    os.close(its_end)


@pytest.mark.programs
def test_the_readme_s_command_loads_what_the_sandbox_serves(
    sandbox: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert sandbox.stdout is not None
    said = ""
    while "For Meltano" not in said:
        said += sandbox.stdout.readline()
    config: dict[str, Any] = json.loads((tmp_path / "sandbox.json").read_text())
    assert all(value in said for value in config.values())

    readme = (ROOT / "README.md").read_text()
    (commands,) = re.findall(r"```sh\n([^`]*output/sandbox\.json [^`]*)```", readme)
    # A sandbox of the user's own keeps its files.
    commands = commands.replace("output/", f"{tmp_path}/")
    ended("bash", "-c", f"set -e -o pipefail; {commands}")

    request = urllib.request.Request(  # noqa: S310 - on loopback
        f"{config['api_url']}/projects",
        headers={
            "Authorization": f"Bearer {config['api_token']}",
            "X-Organization-ID": config["organization_id"],
        },
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - on loopback
        listed = {row["id"]: row["name"] for row in json.load(answer)["projects"]}
    with duckdb.connect(str(tmp_path / "sandbox.duckdb"), read_only=True) as warehouse:
        loaded = warehouse.execute("select id, name from dagctl.projects").fetchall()
        (runs,) = warehouse.execute("select count(*) from dagctl.runs").fetchone() or (0,)
    assert dict(loaded) == listed
    assert runs > 50

    sandbox.send_signal(signal.SIGINT)
    assert "Stopped" in sandbox.stdout.read()
    assert sandbox.wait() == 0


@pytest.mark.programs
def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = (sys.executable, "-m", "sandbox", "--days", "1", "--port", str(port))
        done = ended(*line, code=1)
    assert done.stderr == (
        f"Port {port} cannot be used: Address already in use; leave --port out\n"
    )
