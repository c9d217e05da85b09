"""The wheel: what is in it, and that it runs where nothing else is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from email import message_from_string
from typing import TYPE_CHECKING

import pytest

from tests.support.project import ROOT
from tests.support.syncs import config_of

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api

UV = ROOT / ".tools" / "uv" / "bin" / "uv"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    line = [str(UV), "build", "--quiet", "--wheel", "--out-dir", str(out), "--python"]
    subprocess.run([*line, sys.executable], cwd=ROOT, check=True)
    (found,) = out.glob("*.whl")
    return found


def test_the_wheel_has_the_tap_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        told = message_from_string(archive.read(metadata).decode())
        commands = archive.read(entry_points).decode()
    package = {name for name in names if ".dist-info/" not in name}

    assert package == {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tap_dagctl").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert "tap_dagctl/py.typed" in package
    assert any(name.endswith("LICENSE") for name in names)
    assert commands.split() == ["[console_scripts]", "tap-dagctl", "=", "tap_dagctl.__main__:main"]
    assert told["Name"] == "tap-dagctl"
    assert told["Requires-Python"] == ">=3.10"
    assert told["License-Expression"] == "Apache-2.0"
    assert "# tap-dagctl" in str(told.get_payload())


def test_the_wheel_runs_in_an_environment_that_has_nothing_else(
    wheel: Path, api: Api, tmp_path: Path
) -> None:
    environment = tmp_path / "environment"
    subprocess.run([str(UV), "venv", "-q", "-p", sys.executable, str(environment)], check=True)
    install = [str(UV), "pip", "install", "-q", "-p", str(environment), str(wheel)]
    subprocess.run(install, check=True)
    (tmp_path / "config.json").write_text(json.dumps(config_of(api)))
    command = str(environment / "bin" / "tap-dagctl")
    clean = {"PATH": os.environ["PATH"]}
    api.world.put("runs", "proj_a", {"id": "run"})
    done = subprocess.run(
        [command, "--config", "config.json"],
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines() if '"RECORD"' in line]
    assert "run" in {message["record"].get("id") for message in records}
