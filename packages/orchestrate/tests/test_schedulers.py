"""The scripts for cron, systemd and a serverless function, each run as its scheduler would.

What follows a sync is left out here; packages/report/tests/test_schedules.py has it.
"""

from __future__ import annotations

import configparser
import os
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pytest

from orchestrate import serverless
from tests.support import troubleshooting
from tests.support.orchestrated import Gate, Place, held_up, wait_until
from tests.support.programs import Done, ended
from tests.support.project import ROOT

pytestmark = pytest.mark.programs

UNITS = ROOT / "packages" / "orchestrate" / "systemd"
# What cron gives a job, and a service gets.
BARE = {"PATH": "/usr/bin:/bin", "HOME": "/", "LANG": "C"}
# A text with everything that a shell might take for its own.
AGENT = """a $HOME "b" \\ c `d`"""


@pytest.fixture
def variables(place: Place) -> dict[str, str]:
    """The settings, and nothing that follows a sync."""
    nothing = {"DBT": "/bin/true", "REPORT_PYTHON": "/bin/true"}
    return {**place.variables, "TAP_DAGCTL_USER_AGENT": AGENT, **nothing}


def run_bare(command: list[str], variables: dict[str, str], cwd: str = "/") -> Done:
    return ended(*command, code=None, env=BARE | variables, cwd=Path(cwd))


def test_the_line_for_cron(place: Place, variables: dict[str, str], tmp_path: Path) -> None:
    settings, log = tmp_path / "tap-dagctl.env", tmp_path / "log"
    settings.write_text("".join(f"{name}='{value}'\n" for name, value in variables.items()))
    page = (ROOT / "docs" / "orchestrators.md").read_text()
    (line,) = (line for line in page.splitlines() if line.startswith("*/10 "))
    command = line.split(maxsplit=5)[5]
    for written, here in (
        ("/opt/tap-dagctl", str(ROOT)),
        ("/etc/tap-dagctl.env", str(settings)),
        ("/var/log/tap-dagctl.log", str(log)),
        ("target-postgres", "target-duckdb"),
    ):
        assert written in command
        command = command.replace(written, here)
    done = run_bare(["/bin/sh", "-c", command], {})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), log.read_text()
    assert place.differences() == []
    assert place.api.requests[-1].headers["user-agent"] == AGENT

    with place.states() as other:
        assert other.try_lock(["proj_a"])
        assert run_bare(["/bin/sh", "-c", command], {}).returncode == 2
    assert "Another sync of these projects has not ended within 0 s" in log.read_text()


def unit(name: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(delimiters="=", comment_prefixes="#")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((UNITS / name).read_text().replace("/opt/tap-dagctl", str(ROOT)))
    return {section: dict(parser[section]) for section in parser.sections()}


def test_the_service_starts_a_sync(place: Place, variables: dict[str, str]) -> None:
    service = unit("tap-dagctl.service")["Service"]
    command = service["ExecStart"].replace("target-postgres", "target-duckdb")
    done = run_bare(shlex.split(command), variables, service["WorkingDirectory"])

    assert done.returncode == 0, done.stderr
    assert place.differences() == []
    # Else the target gets SIGTERM, too, and not the last rows.
    assert service["KillMode"] == "mixed"
    assert unit("tap-dagctl.timer")["Timer"]["OnCalendar"] == "*:0/10"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for path in UNITS.iterdir():
        text = path.read_text().replace("/opt/tap-dagctl", str(ROOT))
        (tmp_path / path.name).write_text(text)
    command = ["systemd-analyze", "verify", *map(str, tmp_path.glob("tap-dagctl.*"))]
    done = run_bare(command, {**os.environ, "SYSTEMD_LOG_LEVEL": "warning"})
    said = [line for line in done.stderr.splitlines() if "tap-dagctl." in line]
    assert (done.returncode, said) == (0, []), done.stderr


def context(is_up: Callable[[], bool] | None = None) -> SimpleNamespace:
    """Return what tells a function of its time: of a long one, then that it is nearly up."""

    def times() -> Iterator[float]:
        yield 600_000
        if is_up:
            wait_until(is_up)
            yield serverless.SECONDS_TO_END * 1000
        yield 600_000

    return SimpleNamespace(get_remaining_time_in_millis=times().__next__)


@pytest.fixture
def function(place: Place) -> Iterator[Place]:
    """What a function has around it."""
    more = {"TARGET": place.target, "TAP_DAGCTL_MAX_CONNECTIONS": "1"}
    with patch.dict("os.environ", {**place.variables, **more}):
        yield place


@pytest.mark.parametrize("place", ["s3"], indirect=True)
def test_a_function_goes_on_where_its_time_was_up(function: Place) -> None:
    # The server does not answer before the time is up.
    with held_up(function.api, "/proj_b/runs") as (arrived, _):
        up = context(arrived.is_set)
        assert serverless.handler({"options": ["--streams", "runs"]}, up) == {"is_complete": False}
    assert serverless.handler({}, context()) == {"is_complete": True}
    asked_for = [it for it in function.api.requests if it.path.endswith("/proj_a/runs")]
    assert ["updated_after" in it.params for it in asked_for] == [False, True]
    assert function.differences() == []


def test_a_function_whose_sync_cannot_begin_says_so(function: Place) -> None:
    # Whoever calls again what is not complete would do so for ever.
    with pytest.raises(RuntimeError, match="failed with the exit code 2; see the log"):
        serverless.handler({"options": ["--streams", "nix"]}, context())
    assert function.api.requests == []


def test_a_function_leaves_nothing_that_goes_on(
    function: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(function, tmp_path, "run first of proj_b")
    monkeypatch.setenv("TARGET", gate.command)
    monkeypatch.setattr(serverless, "SECONDS_TO_END", 0.5)
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="failed with the exit code 137; see the log"):
        serverless.handler({}, context(gate.has_reached))
    # Long before the sync itself would kill it.
    assert time.monotonic() - began < 60


def test_a_function_that_has_too_little_time_says_so(
    function: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serverless, "SECONDS_TO_END", 601)
    # Whoever calls again what is not complete would do so for ever.
    with pytest.raises(RuntimeError, match=r"longer than SECONDS_TO_END \(601\)") as raised:
        serverless.handler({}, context())
    troubleshooting.check([str(raised.value)])
    assert function.api.requests == []
