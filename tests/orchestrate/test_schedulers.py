"""The scripts for cron, systemd and a serverless function, each run as its scheduler would.

What follows a sync is left out here; tests/report/test_schedules.py has it.
"""

from __future__ import annotations

import configparser
import os
import shlex
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from orchestrate import serverless
from orchestrate.state_backend import state_backend
from stand_in.world import RUNS
from tests.support import troubleshooting
from tests.support.orchestrated import Gate, Place, wait_until
from tests.support.project import ROOT
from tests.support.state_backends import BUCKET, s3
from tests.support.warehouses import duckdb_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stand_in.server import Api, Request

pytestmark = pytest.mark.programs

UNITS = ROOT / "packages" / "orchestrate" / "systemd"
# What cron gives a job, and a service gets.
BARE = {"PATH": "/usr/bin:/bin", "HOME": "/", "LANG": "C"}


@pytest.fixture
def place(api: Api, tmp_path: Path) -> Place:
    for project in ("proj_a", "proj_b"):
        api.world.put(RUNS, project, {"id": f"run of {project}", "duration_seconds": 7})
    api.world.advance(minutes=10)
    return Place.of(api, str(tmp_path / "states"), tmp_path / "warehouse.duckdb")


def settings_of(place: Place, tmp_path: Path) -> Path:
    """Return a file as a shell and systemd both read it."""
    path = tmp_path / "tap-dagctl.env"
    # A text with everything that a shell might take for its own.
    variables = {
        **place.variables,
        "TAP_DAGCTL_USER_AGENT": """a $HOME "b" \\ c `d`""",
        "DBT": "/bin/true",
        "REPORT_PYTHON": "/bin/true",
    }
    path.write_text("".join(f"{name}='{value}'\n" for name, value in variables.items()))
    path.chmod(0o600)
    return path


def differences(api: Api, tmp_path: Path) -> list[str]:
    warehouse = duckdb_at(tmp_path / "warehouse.duckdb")
    return warehouse.differences(api.world, api.world.now.date())


def run_bare(command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=BARE | variables, cwd="/", capture_output=True, text=True, check=False
    )


def test_cron(place: Place, api: Api, tmp_path: Path) -> None:
    line = [str(ROOT / "packages" / "orchestrate" / "cron.sh"), str(settings_of(place, tmp_path))]
    for _ in range(2):
        done = run_bare([*line, "target-duckdb"])
        assert done.returncode == 0, done.stderr
        assert differences(api, tmp_path) == []
        api.world.put(RUNS, "proj_a", {"id": "another run"})
        api.world.advance(minutes=10)
    assert api.requests[-1].headers["user-agent"] == """a $HOME "b" \\ c `d`"""

    with state_backend(str(tmp_path / "states"), "tap-dagctl-to-target-duckdb") as other:
        assert other.try_lock(["proj_a"])
        done = run_bare([*line, "target-duckdb", "--streams", "runs"])
        assert done.returncode == 2
        assert "Another sync of these projects has not ended within 0 s" in done.stderr


def test_the_line_for_cron_is_one(place: Place, api: Api, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "orchestrators.md").read_text()
    (line,) = (line for line in page.splitlines() if line.startswith("*/10 "))
    log = tmp_path / "log"
    command = line.split(maxsplit=5)[5]
    for written, here in (
        ("/opt/tap-dagctl", str(ROOT)),
        ("/etc/tap-dagctl.env", str(settings_of(place, tmp_path))),
        ("/var/log/tap-dagctl.log", str(log)),
        ("target-postgres", "target-duckdb"),
    ):
        assert written in command
        command = command.replace(written, here)
    done = run_bare(["/bin/sh", "-c", command])

    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), log.read_text()
    assert differences(api, tmp_path) == []


def unit(name: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(delimiters="=", comment_prefixes="#")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / name)
    return {section: dict(parser[section]) for section in parser.sections()}


def test_the_service_starts_a_sync(place: Place, api: Api, tmp_path: Path) -> None:
    service = unit("tap-dagctl.service")["Service"]
    command = shlex.split(service["ExecStart"].replace("/opt/tap-dagctl", str(ROOT)))
    command[command.index("target-postgres")] = "target-duckdb"
    lines = settings_of(place, tmp_path).read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines)
    done = subprocess.run(
        command,
        env=BARE | {name: value[1:-1] for name, value in variables.items()},
        cwd=service["WorkingDirectory"].replace("/opt/tap-dagctl", str(ROOT)),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert differences(api, tmp_path) == []
    # Else the target gets SIGTERM, too, and not the last rows.
    assert service["KillMode"] == "mixed"


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    assert unit("tap-dagctl.timer")["Timer"]["OnCalendar"] == "*:0/10"
    if analyze := shutil.which("systemd-analyze"):
        for path in UNITS.iterdir():
            text = path.read_text().replace("/opt/tap-dagctl", str(ROOT))
            (tmp_path / path.name).write_text(text)
        done = subprocess.run(
            [analyze, "verify", *tmp_path.glob("tap-dagctl.*")],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
        )
        said = [line for line in done.stderr.splitlines() if "tap-dagctl." in line]
        assert (done.returncode, said) == (0, []), done.stderr


class Context:
    """What a platform tells a function of its time: of a long one, then that it is nearly up."""

    def __init__(self, is_up: Callable[[], bool] | None = None) -> None:
        self._is_up = is_up
        self._has_begun = False

    def get_remaining_time_in_millis(self) -> int:
        had_begun, self._has_begun = self._has_begun, True
        if self._is_up is None or not had_begun:
            return 600_000
        wait_until(self._is_up)
        return int(serverless.SECONDS_TO_END * 1000)


@pytest.fixture
def function(place: Place) -> Iterator[Place]:
    """What a function has around it."""
    place.variables |= {"TARGET": place.target, "TAP_DAGCTL_MAX_CONNECTIONS": "1"}
    place.variables["STATE_BACKEND_URI"] = f"s3://{BUCKET}/tap-dagctl"
    with s3() as variables, patch.dict("os.environ", {**place.variables, **variables}):
        yield place


@pytest.mark.usefixtures("function")
def test_a_function_goes_on_where_its_time_was_up(api: Api, tmp_path: Path) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def misbehave(request: Request) -> None:
        if request.path.endswith("/proj_b/runs"):
            asked.set()
            go_on.wait(120)

    api.misbehave = misbehave
    # The server does not answer before the time is up.
    assert serverless.handler({}, Context(asked.is_set)) == {"is_complete": False}
    go_on.set()
    only_runs = {"options": ["--streams", "runs"]}
    assert serverless.handler(only_runs, Context()) == {"is_complete": True}
    asked_for = [it for it in api.requests if it.path.endswith("/proj_a/runs")]
    assert ["updated_after" in it.params for it in asked_for] == [False, True]
    assert serverless.handler({}, Context()) == {"is_complete": True}
    assert differences(api, tmp_path) == []


def test_a_function_leaves_nothing_that_goes_on(
    function: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate.before(function, tmp_path, "run of proj_b")
    monkeypatch.setenv("TARGET", gate.command)
    monkeypatch.setattr(serverless, "SECONDS_TO_END", 0.5)
    with pytest.raises(RuntimeError, match="failed with the exit code 137; see the log"):
        serverless.handler({}, Context(gate.has_reached))


@pytest.mark.usefixtures("function")
def test_a_function_with_too_little_time_says_so(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serverless, "SECONDS_TO_END", 601)
    # Whoever calls again what is not complete would do so for ever.
    with pytest.raises(RuntimeError, match=r"longer than SECONDS_TO_END \(601\)") as raised:
        serverless.handler({}, Context())
    troubleshooting.check([str(raised.value)])
    assert api.requests == []


@pytest.mark.usefixtures("function")
def test_a_function_that_fails_says_so() -> None:
    with pytest.raises(RuntimeError, match="failed with the exit code 2; see the log"):
        serverless.handler({"options": ["--streams", "nix"]}, Context())
