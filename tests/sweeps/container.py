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
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.partly_refused import partly_refused
from tests.support.programs import ended
from tests.support.project import ROOT
from tests.support.warehouses import postgres_in

WORKDIR = "/opt/tap-dagctl"
# Of a shell that knows nothing of this machine, but for where packages come from.
KEPT = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}


@dataclass
class Stage:
    """One stage, as a folder that stands for the working directory; `said` is by instruction."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    def do(self, instruction: str, rest: str, stages: dict[str, Stage]) -> None:
        match instruction:
            case "COPY":
                self._copy(*shlex.split(rest), stages=stages)
            case "RUN":
                print(f"{self.folder.name}: {rest}", flush=True)
                self.run(["/bin/sh", "-c", rest], {})
            case "ENV":
                pairs = dict(pair.split("=", 1) for pair in shlex.split(rest))
                self.variables |= {
                    key: value.replace("$PATH", "/usr/bin:/bin") for key, value in pairs.items()
                }
            case "WORKDIR":
                assert rest == WORKDIR
            case "USER" | "ENTRYPOINT" | "CMD" | "HEALTHCHECK" | "VOLUME":
                self.said |= {"CMD": "[]"} if instruction == "ENTRYPOINT" else {}
                self.said[instruction] = rest
            case _:
                raise AssertionError(instruction)

    def _copy(self, *texts: str, stages: dict[str, Stage]) -> None:
        *sources, target = texts
        origin = ROOT
        if sources[0].startswith("--from="):
            origin = stages[sources.pop(0).removeprefix("--from=")].folder
        for source in (origin / text.removeprefix(f"{WORKDIR}/") for text in sources):
            to = self.folder / (source.name if target == "./" else target)
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, to, symlinks=True, ignore=ignored, dirs_exist_ok=True)
            else:
                shutil.copy(source, to)

    def run(self, command: list[str], variables: dict[str, str], code: int = 0) -> str:
        """Run a command, which ends with `code`, as if the folder were the working one."""
        # Environments of Python remember their path: it must be the same in all stages.
        place = self.folder.rename(self.folder.with_name("here"))
        around = {"PATH": "/usr/bin:/bin", **KEPT, **self.variables, **variables}
        around = {key: value.replace(WORKDIR, str(place)) for key, value in around.items()}
        around["PATH"] += f":{Path(sys.executable).parent}"
        line = [part.replace(WORKDIR, str(place)) for part in command]
        done = ended(*line, code=code, cwd=place, env=around)
        place.rename(self.folder)
        return done.stdout + done.stderr

    def start(self, code: int, variables: dict[str, str]) -> str:
        """Run its health check, and then what a container of it runs."""
        assert self.said["USER"].isdigit(), "it runs as root"
        self.run(json.loads(self.said["HEALTHCHECK"].partition("CMD")[2]), variables)
        command = json.loads(self.said["ENTRYPOINT"]) + json.loads(self.said["CMD"])
        return self.run(command, variables, code)


def built(root: Path) -> dict[str, Stage]:
    """Return all stages by name."""
    stages: dict[str, Stage] = {}
    text = re.sub(r"\\\n\s*", "", (ROOT / "Containerfile").read_text())
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        instruction, rest = line.split(maxsplit=1)
        if instruction != "FROM":
            list(stages.values())[-1].do(instruction, rest, stages)
            continue
        base, _, name = rest.partition(" AS ")
        stage = stages[name] = Stage(root / name)
        if parent := stages.get(base):
            shutil.copytree(parent.folder, stage.folder, symlinks=True)
            stage.variables, stage.said = {**parent.variables}, {**parent.said}
        else:
            stage.folder.mkdir()
    return stages


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        stages = built(root)
        with postgres_in(root / "postgres") as warehouse, partly_refused(warehouse) as account:
            # The second is refused the runs of a project, and builds and tells what there is.
            stages["sync"].start(0, account.variables)
            account.refuse()
            account.check(stages["chain"].start(1, account.variables))
        volume = Path(stages["chain"].said["VOLUME"]).relative_to(WORKDIR)
        assert "<html" in (stages["chain"].folder / volume / "index.html").read_text()
        print("Both images work.")
