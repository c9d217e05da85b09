"""Runs dbt from an environment of its own on the project in `packages/transform/`."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from stand_in.meltano import environment_for
from tests.support.environments import program
from tests.support.programs import ended
from tests.support.project import ROOT

TRANSFORM = ROOT / "packages" / "transform"
_COMPILED = Path(__file__).parent / "compiled"
_OFFLINE = ("--no-introspect", "--no-populate-cache")


def build(group: str, directory: Path, environment: dict[str, str], **variables: Any) -> str:
    """Build and test everything; nothing may fail or warn. Return the line of counts."""
    said = run(group, directory, TRANSFORM, environment, "build", "--vars", json.dumps(variables))
    counts = re.findall(r"PASS=.*", said)[-1]
    assert "WARN=0 ERROR=0 SKIP=0" in counts, said
    assert "Deprecat" not in said, said
    return str(counts)


def compile_offline(group: str, directory: Path, target: str) -> None:
    """Compile every model and test for a warehouse that is not there, into `directory`/target."""
    project = directory / "project"
    shutil.copytree(_COMPILED, project)
    environment = {"DBT_TARGET": target, "DAGCTL_TRANSFORM": str(TRANSFORM)}
    run(group, directory, project, environment, "deps")
    run(group, directory, project, environment, "compile", *_OFFLINE)


def run(
    group: str, directory: Path, project: Path, environment: dict[str, str], *arguments: str
) -> str:
    """Run dbt, which must succeed; what it writes is in `directory`."""
    env = {
        **environment_for("", "", ""),
        "DBT_PROJECT_DIR": str(project),
        "DBT_PROFILES_DIR": str(project),
        "DBT_TARGET_PATH": str(directory / "target"),
        "DBT_LOG_PATH": str(directory / "logs"),
        **environment,
    }
    return ended(program(group, "dbt"), *arguments, cwd=directory, env=env).stdout
