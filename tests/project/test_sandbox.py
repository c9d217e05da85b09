"""`make sandbox` in a terminal, the README's command against it, and a port that is taken."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.programs import ended
from tests.support.project import ROOT
from tests.support.warehouses import duckdb_at


@pytest.mark.programs
def test_the_readme_s_command_loads_what_the_sandbox_serves(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    (commands,) = re.findall(r"```sh\n([^`]*output/sandbox\.json [^`]*)```", readme)
    # A sandbox of the user's own keeps its files.
    commands = commands.replace("output/", f"{tmp_path}/")
    config = str(tmp_path / "sandbox.json")
    terminal, its_end = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--days", "10", "--config", config],
        cwd=ROOT,
        stdin=its_end,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            while "For Meltano" not in process.stdout.readline():
                assert process.poll() is None
            ended("bash", "-c", f"set -e -o pipefail; {commands}")
            process.send_signal(signal.SIGINT)
            said = process.stdout.read()
            assert "Stopped" in said
            # What Meltano is to be told.
            assert all(f"={it}" in said for it in json.loads(Path(config).read_text()).values())
            assert process.wait() == 0
        finally:
            process.kill()
            os.close(terminal)
            os.close(its_end)

    warehouse = duckdb_at(tmp_path / "sandbox.duckdb")
    assert len(warehouse.query("from dagctl.projects")) >= 3
    assert len(warehouse.query("from dagctl.runs")) > 50


@pytest.mark.programs
def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = ended(sys.executable, "-m", "sandbox", "--days=1", f"--port={port}", code=1)
    assert done.stderr == f"Port {port} cannot be used: Address already in use; leave --port out\n"
