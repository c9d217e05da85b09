"""Does what the Containerfile says without a container engine, and runs what comes out.

Each stage is a folder: COPY copies, RUN runs in a shell there, ENV is set. Then the image's command
runs against the stand-in, with PostgreSQL for the rows and the states. What it cannot show is the
base image, the user and the health check's timing.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from report.notify.settings import ADDRESSES as VARIABLE
from stand_in.server import Api, Reply, Request, serving
from stand_in.world import EXECUTIONS, RUNS, World, to_text
from tests.support.orchestrated import Place
from tests.support.project import ROOT
from tests.support.receivers import SECRET, webhook
from tests.support.warehouses import postgres_in

WORKDIR = "/opt/tap-dagctl"
# Of a shell that knows nothing of this machine, but for where packages come from.
KEPT = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}


@dataclass
class Stage:
    """One stage, as a folder that stands for the working directory."""

    variables: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)
    user: str = "root"


def instructions(text: str) -> list[tuple[str, str]]:
    """Return each instruction and what follows it on its lines."""
    joined = re.sub(r"\\\n\s*", "", text)
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def _note(stage: Stage, instruction: str, rest: str) -> None:
    match instruction:
        case "ENV":
            for pair in shlex.split(rest):
                key, _, value = pair.partition("=")
                stage.variables[key] = value.replace("$PATH", "/usr/bin:/bin")
        case "USER":
            stage.user = rest
        case "ENTRYPOINT":
            stage.entrypoint, stage.command = json.loads(rest), []
        case "CMD":
            stage.command = json.loads(rest)
        case "HEALTHCHECK":
            stage.healthcheck = json.loads(rest[rest.index("CMD") + 3 :])
        case _:
            raise AssertionError(instruction)


class Build:
    """Builds all stages, one after another, in the one place where their paths are right."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.stages: dict[str, Stage] = {}
        self.folders: dict[str, Path] = {}

    def run(self) -> None:
        name = ""
        for instruction, rest in instructions((ROOT / "Containerfile").read_text()):
            if instruction == "FROM":
                parent, _, name = rest.partition(" AS ")
                self._begin(parent, name)
            elif instruction == "COPY":
                self._copy(rest, self.folders[name])
            elif instruction == "RUN":
                print(f"{name}: {rest}", flush=True)
                self._run(["/bin/sh", "-c", rest], name)
            elif instruction == "WORKDIR":
                assert rest == WORKDIR
            else:
                _note(self.stages[name], instruction, rest)

    def _begin(self, parent: str, name: str) -> None:
        folder = self.folders[name] = self.root / name
        if parent in self.stages:
            shutil.copytree(self.folders[parent], folder, symlinks=True)
            before = self.stages[parent]
            stage = Stage(**{**vars(before), "variables": dict(before.variables)})
        else:
            folder.mkdir()
            stage = Stage()
        self.stages[name] = stage

    def _copy(self, rest: str, folder: Path) -> None:
        *sources, target = shlex.split(rest)
        origin = ROOT
        if sources[0].startswith("--from="):
            origin = self.folders[sources.pop(0).removeprefix("--from=")]
        for source in (origin / text.removeprefix(f"{WORKDIR}/") for text in sources):
            to = folder / target if target != "./" else folder / source.name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, to, symlinks=True, ignore=ignored, dirs_exist_ok=True)
            else:
                shutil.copy(source, to)

    def _run(self, command: list[str], name: str, code: int = 0, /, **variables: str) -> str:
        """Run a command, which ends with `code`, as if the stage's folder were the working one."""
        place = self.root / "here"
        # Environments of Python remember their path: it must be the same in all stages.
        self.folders[name].rename(place)
        around = {"PATH": "/usr/bin:/bin", **KEPT, **self.stages[name].variables, **variables}
        around = {key: value.replace(WORKDIR, str(place)) for key, value in around.items()}
        around["PATH"] = f"{around['PATH']}:{Path(sys.executable).parent}"
        done = subprocess.run(
            [part.replace(WORKDIR, str(place)) for part in command],
            cwd=place,
            env=around,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        place.rename(self.folders[name])
        assert done.returncode == code, done.stdout
        return done.stdout

    def start(self, name: str, code: int, **variables: str) -> str:
        """Run what a container of that stage runs, and its health check."""
        stage = self.stages[name]
        assert stage.user.isdigit(), "it runs as root"
        self._run(stage.healthcheck, name, **variables)
        return self._run([*stage.entrypoint, *stage.command], name, code, **variables)

    def megabytes(self, name: str) -> int:
        files = (path for path in self.folders[name].rglob("*") if not path.is_symlink())
        return sum(path.stat().st_size for path in files) // 1_000_000


def filled() -> World:
    world = World()
    for project in ("proj_a", "proj_b"):
        world.add_project(project, f"name of {project}")
        world.put(RUNS, project, {"id": f"run of {project}", "duration_seconds": 7})
        execution = {"id": f"execution of {project}", "model_name": "m", "duration_seconds": 7}
        world.put(EXECUTIONS, project, execution)
    # dbt counts back from this machine's clock.
    today = to_text(datetime.now(tz=timezone.utc))
    failed = {"status": "failed", "job_name": "nightly", "end_time": today}
    world.put(RUNS, "proj_a", {"id": "failed run", **failed})
    world.advance(minutes=10)
    return world


def refuse(request: Request) -> Reply | None:
    return Reply(403, b"{}") if request.path.endswith("/proj_b/runs") else None


def main() -> None:
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        api: Api = stack.enter_context(serving(filled()))
        warehouse = stack.enter_context(postgres_in(root / "postgres"))
        hook = stack.enter_context(webhook())
        uri = warehouse.environment["TARGET_POSTGRES_SQLALCHEMY_URL"]
        variables = {
            **{k: v for k, v in Place.of(api, uri, root).variables.items() if "DUCKDB" not in k},
            **warehouse.environment,
            "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "dagctl",
            VARIABLE: hook.address,
            "DAGCTL_SLA_SECONDS": "77",
        }
        build = Build(root)
        build.run()
        # The second is refused the runs of a project, and builds and tells what there is.
        for name, code in (("sync", 0), ("chain", 1)):
            api.misbehave = refuse if code else lambda _: None
            output = build.start(name, code, **variables)
            assert SECRET not in output
            assert warehouse.differences(api.world, api.world.now.date()) == []
            print(f"{name}: the tables are right; {build.megabytes(name)} MB beside the base image")
            print(output.splitlines()[-1])
        (told,) = hook.received
        assert told.sections.keys() == {"Streams that cannot be read", "Jobs broken"}
        used = warehouse.query("select sla_seconds from dagctl_answers.settings_used")
        assert used == [{"sla_seconds": 77}]


if __name__ == "__main__":
    main()
