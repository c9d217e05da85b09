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
from dataclasses import dataclass
from pathlib import Path

from tests.support.partly_refused import partly_refused
from tests.support.programs import ended
from tests.support.project import ROOT
from tests.support.warehouses import Warehouse

WORKDIR = "/opt/tap-dagctl"
# Of a shell that knows nothing of this machine, but for where packages come from.
KEPT = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}


@dataclass
class Stage:
    """One stage, as a folder that stands for the working directory; `said` is by instruction."""

    folder: Path
    variables: dict[str, str]
    said: dict[str, str]

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
    for instruction, rest in re.findall(r"^([A-Z]+) (.*)$", text, re.MULTILINE):
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            parent = stages.get(base) or Stage(root / "nothing", {}, {})
            parent.folder.mkdir(exist_ok=True)
            shutil.copytree(parent.folder, root / name, symlinks=True)
            stage = stages[name] = Stage(root / name, {**parent.variables}, {**parent.said})
        elif instruction == "COPY":
            copy(shlex.split(rest), stage.folder, stages)
        elif instruction == "RUN":
            stage.run(["/bin/sh", "-c", rest], {})
        elif instruction == "ENV":
            pairs = (pair.split("=", 1) for pair in shlex.split(rest))
            stage.variables |= {key: it.replace("$PATH", "/usr/bin:/bin") for key, it in pairs}
        else:
            assert instruction in {"WORKDIR", "USER", "ENTRYPOINT", "CMD", "HEALTHCHECK", "VOLUME"}
            stage.said |= {"CMD": "[]"} if instruction == "ENTRYPOINT" else {}
            stage.said[instruction] = rest
    return stages


def copy(texts: list[str], folder: Path, stages: dict[str, Stage]) -> None:
    *sources, target = texts
    origin = ROOT
    if sources[0].startswith("--from="):
        origin = stages[sources.pop(0).removeprefix("--from=")].folder
    for source in (origin / text.removeprefix(f"{WORKDIR}/") for text in sources):
        to = folder / (source.name if target == "./" else target)
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, to, symlinks=True, ignore=ignored, dirs_exist_ok=True)
        else:
            shutil.copy(source, to)


def test_both_images_load_and_tell_what_can_be_read(postgres: Warehouse, tmp_path: Path) -> None:
    stages = built(tmp_path)
    assert {stage.said["WORKDIR"] for stage in stages.values()} == {WORKDIR}
    with partly_refused(postgres) as account:
        # The second is refused the runs of a project, and builds and tells what there is.
        stages["sync"].start(0, account.variables)
        account.refuse()
        account.check(stages["chain"].start(1, account.variables))
    volume = Path(stages["chain"].said["VOLUME"]).relative_to(WORKDIR)
    assert "<html" in (stages["chain"].folder / volume / "index.html").read_text()
