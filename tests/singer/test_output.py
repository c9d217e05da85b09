"""A reader that pauses gets every line whole, also where writing does not block."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.syncs import Output, Tap, arguments, config_of

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api

PIPE_BYTES = 4_096
FILLING = b" " * PIPE_BYTES


def run_into_a_pause(line: list[str], *, both: bool = False, **environment: str) -> Output:
    """Run a program whose output is a non-blocking pipe that nobody reads for a second."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    os.set_blocking(writer, False)
    os.write(writer, FILLING)
    with subprocess.Popen(
        line,
        stdout=writer,
        stderr=writer if both else subprocess.DEVNULL,
        env={**os.environ, **environment},
    ) as tap:
        os.close(writer)
        with os.fdopen(reader, "rb") as output:
            time.sleep(0.7)
            text = output.read(len(FILLING) + 100)
            time.sleep(0.7)
            text += output.read()
    return Output.of(tap.returncode, text[len(FILLING) :].decode(), "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_every_message_is_whole(api: Api, tmp_path: Path, tap: Tap, unbuffered: str) -> None:
    for number in range(300):
        api.world.put("runs", "proj_a", {"id": f"run_{number}"})
    line = arguments(tmp_path, config_of(api))
    output = run_into_a_pause(line, PYTHONUNBUFFERED=unbuffered).succeeded
    expected = tap()

    assert output.records("runs") == expected.records("runs")
    assert output.state == expected.state
    assert len(output.messages) == len(output.stdout.splitlines())


def test_a_catalog_and_a_log_in_the_same_pipe_are_whole(api: Api, tap: Tap, tmp_path: Path) -> None:
    line = arguments(tmp_path, config_of(api), "--discover")
    output = run_into_a_pause(line, both=True, TAP_DAGCTL_LOGLEVEL="DEBUG").succeeded
    expected = tap("--discover", environment={"TAP_DAGCTL_LOGLEVEL": "DEBUG"})

    assert "Logging error" not in output.stdout
    logged = [text for text in output.stdout.splitlines() if " | " in text]
    assert len(logged) == len(expected.stderr.splitlines())
    assert all(text in output.stdout for text in expected.stdout.splitlines())


@pytest.mark.parametrize(
    ("options", "encoding"), [([], "ascii"), (["--format=markdown"], "cp1252")]
)
def test_what_is_printed_is_encoded(tmp_path: Path, options: list[str], encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    line = arguments(tmp_path, None, "--about", *options)
    done = subprocess.run(line, capture_output=True, env=environment, check=True)

    assert "api_token" in done.stdout.decode(encoding)
