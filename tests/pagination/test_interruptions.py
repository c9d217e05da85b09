"""The program, interrupted by everything an operating system has for it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from stand_in.server import Api, Reply
from tests.support.at_request import signalled_at
from tests.support.syncs import Json, Output, arguments, config_of, ended, program, run_tap

ROWS = 2_000
PAGE = 20
PAGES = ROWS // PAGE


@pytest.fixture(autouse=True)
def rows(api: Api) -> None:
    """As many runs in both projects, the last of them hours ago."""
    for number in range(ROWS):
        api.world.advance(seconds=1)
        for project in ("proj_a", "proj_b"):
            api.world.put("runs", project, {"id": f"{project}_{number:05}", "note": "x" * 100})
    api.world.advance(hours=5)


@pytest.fixture
def config(api: Api) -> Json:
    return config_of(api, page_size=PAGE)


@pytest.fixture
def tap(tmp_path: Path, config: Json) -> Iterator[subprocess.Popen[str]]:
    """The running program."""
    with program(tmp_path, config) as process:
        yield process


def check_nothing_is_lost(api: Api, interrupted: Output, following: Output) -> None:
    projects = api.world.projects
    came = {*interrupted.ids("runs"), *following.succeeded.ids("runs")}
    assert came == {row["id"] for it in projects for row in api.world.rows("runs", it)}


@pytest.mark.parametrize(
    ("number", "exit_code", "project"),
    [
        (signal.SIGTERM, 143, "proj_a"),
        (signal.SIGINT, 130, "proj_b"),
        (signal.SIGKILL, -9, "proj_b"),
    ],
)
def test_a_signal_in_the_middle_of_a_walk_loses_nothing_and_costs_little(
    api: Api, tmp_path: Path, config: Json, project: str, number: signal.Signals, exit_code: int
) -> None:
    interrupted = signalled_at(api, f"{project}/runs", PAGES // 2, number, tmp_path, config)
    api.requests.clear()
    following = run_tap(tmp_path, config, state=interrupted.state)

    assert interrupted.exit_code == exit_code
    assert "Traceback" not in interrupted.stderr
    check_nothing_is_lost(api, interrupted, following)
    again = {*interrupted.ids("runs")} & {*following.ids("runs")}
    # Whoever is killed writes no last state, and one goes out every 20 pages.
    assert len(again) <= (22 if number == signal.SIGKILL else 10) * PAGE
    asked = Counter(it.path.split("/")[-2] for it in api.requests if it.path.endswith("/runs"))
    # What was read since the last state that got out comes again: 20 pages, and what was under way.
    assert PAGES / 2 <= asked[project] <= (PAGES / 2 + 40) * 1.1
    # What was complete is looked at once, for what changed since.
    assert asked["proj_a"] == 1 or project == "proj_a"
    if number != signal.SIGKILL:
        assert interrupted.messages[-1]["type"] == "STATE"
        assert (
            f"Stopped by {number.name}; the next sync resumes from the last state that the target "
            "passed on"
        ) in interrupted.stderr


def test_a_signal_ends_a_long_wait_for_another_try(api: Api, tap: subprocess.Popen[str]) -> None:
    api.misbehave = lambda _: Reply(503, b"{}", {"Retry-After": "100"})
    assert tap.stderr is not None
    assert any("waiting 100.0 s" in line for line in tap.stderr)
    tap.send_signal(signal.SIGTERM)

    # A wait of 100 seconds that went on would break the 60 that are waited here.
    tap.communicate(timeout=60)
    assert tap.returncode == 143


def test_a_signal_may_come_while_an_answer_is_taken(tmp_path: Path, config: Json) -> None:
    script = """
from signal import SIGTERM, raise_signal
from tap_dagctl.__main__ import main
from tap_dagctl.api import transport

class HalfMade:
    def __init__(self, *_, **__):
        raise_signal(SIGTERM)

    # `close` of an answer fails like this, and from Python 3.13 on says so.
    def __del__(self):
        self.fp

transport._Connection.response_class = HalfMade
main()
"""
    _, *options = arguments(tmp_path, config)
    line = [sys.executable, "-c", script, *options]
    done = subprocess.run(line, check=False, capture_output=True, text=True)

    assert done.returncode == 143
    assert "Exception ignored" not in done.stderr


def test_a_signal_waits_for_the_end_of_the_line_when_the_target_is_slow(
    api: Api, tap: subprocess.Popen[str], tmp_path: Path, config: Json
) -> None:
    fill(tap)
    tap.send_signal(signal.SIGTERM)
    interrupted = ended(tap)
    following = run_tap(tmp_path, config, state=interrupted.state)

    assert interrupted.exit_code == 143
    assert json.loads(interrupted.stdout.splitlines()[-1])["type"] == "STATE"
    check_nothing_is_lost(api, interrupted, following)


def test_a_second_signal_waits_for_no_target(tap: subprocess.Popen[str]) -> None:
    fill(tap)
    tap.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        tap.wait(timeout=1)
    tap.send_signal(signal.SIGTERM)

    assert tap.wait(timeout=120) == 143


def fill(process: subprocess.Popen[str]) -> None:
    """Wait until the program waits within a line, as nobody reads the pipe any more."""
    assert process.stdout is not None
    select.select([process.stdout], [], [])
    wchan = Path(f"/proc/{process.pid}/wchan")
    while "pipe" not in wchan.read_text():
        assert process.poll() is None


def test_a_target_that_dies_is_one_line(
    api: Api, tap: subprocess.Popen[str], tmp_path: Path, config: Json
) -> None:
    assert tap.stdout is not None
    assert tap.stderr is not None
    read = "".join(tap.stdout.readline() for _ in range(ROWS // 2))
    tap.stdout.close()
    stderr = tap.stderr.read()
    interrupted = Output(tap.wait(timeout=120), read, stderr)
    following = run_tap(tmp_path, config, state=interrupted.state)

    assert interrupted.error.startswith("The target stopped reading: its own messages say why; run")
    assert "Exception ignored" not in stderr
    check_nothing_is_lost(api, interrupted, following)


@pytest.mark.parametrize(
    ("option", "to", "error"),
    [
        *(
            (option, "/dev/full", f"The output cannot be written: {os.strerror(28)}; mend that")
            for option in ("", "--discover", "--version", "--about")
        ),
        ("", "&-", "There is no standard output"),
    ],
)
def test_a_full_disk_or_no_output_at_all_is_one_line(
    tmp_path: Path, config: Json, option: str, to: str, error: str
) -> None:
    line = " ".join([*arguments(tmp_path, config), option])
    shell = ["sh", "-c", f"{line} >{to}"]
    done = subprocess.run(shell, capture_output=True, check=False, text=True)

    assert "Exception ignored" not in done.stderr
    assert error in Output(done.returncode, "", done.stderr).error
