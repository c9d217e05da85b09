"""Runs orchestrate/sync.py as an orchestrator would: as a program, with its settings around it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import Any

from orchestrate.backends.base import StateBackend
from orchestrate.state_backend import state_backend
from stand_in.server import Api, Reply, Request
from stand_in.world import EXECUTIONS, JOBS, PLANS, RUNS, World
from tests.support import troubleshooting
from tests.support.project import ROOT
from tests.support.syncs import run_here
from tests.support.warehouses import Warehouse, duckdb_at

STATE_ID = "tap-dagctl-to-target-duckdb"


@dataclass
class Place:
    """Where syncs run: an API, and in `variables` what is in the environment of every program."""

    api: Api
    target: str
    variables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, api: Api, uri: str, warehouse: Path) -> Place:
        """Return one with a DuckDB file as warehouse."""
        variables = {
            "TAP_DAGCTL_API_TOKEN": api.world.token,
            "TAP_DAGCTL_ORGANIZATION_ID": api.world.organization_id,
            "TAP_DAGCTL_API_URL": api.url,
            "TARGET_DUCKDB_FILEPATH": str(warehouse),
            "TARGET_DUCKDB_DEFAULT_TARGET_SCHEMA": "dagctl",
            "STATE_BACKEND_URI": uri,
        }
        return cls(api, "target-duckdb", variables)

    @property
    def warehouse(self) -> Warehouse:
        return duckdb_at(Path(self.variables["TARGET_DUCKDB_FILEPATH"]))

    def differences(self) -> list[str]:
        """Return what is in the warehouse and not in the API, and the other way round."""
        world = self.api.world
        return self.warehouse.differences(world, since=world.now.date())

    def states(self) -> AbstractContextManager[StateBackend]:
        return state_backend(self.variables["STATE_BACKEND_URI"], STATE_ID)

    def parts(self) -> dict[str, Any]:
        """Return all states by name."""
        with self.states() as backend:
            return backend.read(backend.names())

    def put(self, name: str, *projects: str) -> None:
        put(self.api.world, name, *projects)

    def script(self, text: str, directory: Path, interpreter: str = "/bin/sh") -> str:
        """Return the command of a script that takes the place of the target."""
        path = directory / "target-script"
        path.write_text(f"#!{interpreter}\n{text}\n")
        path.chmod(0o755)
        return str(path)

    def start(
        self, *options: str, target: str | None = None, **variables: str
    ) -> subprocess.Popen[str]:
        """Start a sync, with `target` for the usual one, whose states it uses."""
        command = [sys.executable, "-m", "orchestrate.sync", target or self.target]
        # A target of another name would have states of its own.
        command += ["--state-id", f"tap-dagctl-to-{Path(self.target).name}"] if target else []
        return subprocess.Popen(
            [*command, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.variables, **variables},
            cwd=ROOT,
            start_new_session=True,
        )

    def run(self, *options: str, **more: Any) -> Done:
        """Run a sync to its end."""
        return Done.of(self.start(*options, **more))

    def program(self, module: str, *options: str, stdin: str = "", **variables: str) -> Done:
        """Run a program of orchestrate/ that starts no other, in this process."""
        main = partial(import_module(f"orchestrate.{module}").main, options)
        environment = {**os.environ, **self.variables, **variables}
        return Done(*run_here(main, [module], ROOT, environment, stdin))

    def refused(self, *options: str, **variables: str) -> Done:
        """Run a sync that ends before it starts the tap or the target."""
        return self.program("sync", self.target, *options, **variables)


def put(world: World, name: str, *projects: str) -> None:
    """Add a row to the lists of these projects."""
    for project in projects:
        world.put(RUNS, project, {"id": f"run {name} of {project}", "duration_seconds": 7})
        world.put(EXECUTIONS, project, {"id": f"{name} of {project}", "model_name": "m"})
        world.put(JOBS, project, {"id": f"job {name} of {project}", "status": None})
        world.put(PLANS, project, {"id": f"plan {name} of {project}"})
    world.advance(minutes=10)


@dataclass
class Done:
    """What a program said until it ended."""

    exit_code: int
    stdout: str
    stderr: str

    def __post_init__(self) -> None:
        assert "made_up" not in self.stdout + self.stderr
        # What is wrong with a command line is said as any program says it.
        troubleshooting.check(it for it in self.own_lines if not it.startswith("error: "))

    @classmethod
    def of(cls, process: subprocess.Popen[str]) -> Done:
        stdout, stderr = process.communicate(timeout=300)
        return cls(process.returncode, stdout, stderr)

    @property
    def own_lines(self) -> list[str]:
        """What orchestrate/ itself said, without its name."""
        lines = self.stderr.splitlines()
        return [line.partition(": ")[2] for line in lines if line.startswith("orchestrate.")]

    @property
    def error(self) -> str:
        """The one line a failed program ends with."""
        assert self.exit_code == 2, self.stderr
        assert "Traceback" not in self.stderr
        (line,) = self.own_lines
        return line


class Gate:
    """A target that holds its input from the first line with a text on, until it is opened."""

    def __init__(self, place: Place, directory: Path, text: str) -> None:
        self._path = directory / "gate"
        target = Path(sys.executable).with_name(place.target)
        held = _HOLD.format(text=text, gate=self._path)
        self.command = place.script(f'{held} | {target} "$@"', directory)

    def has_reached(self) -> bool:
        """Return whether something is held."""
        return self._path.with_name("gate.reached").exists()

    def open(self) -> None:
        self._path.touch()


# Where a test fails, nobody opens it, so it waits for a few minutes at most.
_HOLD = """
while IFS= read -r line; do
    case $line in
        *'{text}'*)
            touch {gate}.reached
            for _ in $(seq 12000); do test -e {gate} && break; sleep 0.01; done ;;
    esac
    printf '%s\\n' "$line"
done"""


@contextmanager
def held_up(api: Api, path: str) -> Iterator[tuple[Event, Event]]:
    """Let a request wait whose path ends like this: the first that arrives, and its repetitions.

    Requests for other projects pass: which shard begins is not known beforehand. The first event
    says that it has arrived, and the second lets it through.
    """
    before, arrived, gate = api.misbehave, Event(), Event()
    held: list[str] = []

    def misbehave(request: Request) -> Reply | None:
        if request.path.endswith(path):
            held.append(request.path)
        if request.path in held[:1]:
            arrived.set()
            gate.wait()
        return before(request)

    api.misbehave = misbehave
    try:
        yield arrived, gate
    finally:
        gate.set()
        api.misbehave = before


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


def first_own_line(process: subprocess.Popen[str]) -> str:
    """Return what a sync itself says first, or nothing where it ends before."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("orchestrate."):
            message = line.partition(": ")[2].strip()
            troubleshooting.check([message])
            return message
    return ""
