"""The two distributions: what is in them, and that they run where nothing else is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from email import message_from_string
from pathlib import PurePath
from typing import TYPE_CHECKING

import pytest

from tests.support.project import ROOT
from tests.support.syncs import config_of

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api

pytestmark = pytest.mark.programs

UV = ROOT / ".tools" / "uv" / "bin" / "uv"


@dataclass
class Distribution:
    """One of the two, and where in the checkout it is made from."""

    name: str
    directory: Path
    command: str

    @property
    def package(self) -> str:
        return self.command.replace("-", "_")

    def build(self, out: Path) -> Path:
        """Make the sdist, and of it the wheel."""
        line = [str(UV), "build", "--quiet", "--out-dir", str(out), "--python", sys.executable]
        subprocess.run([*line, str(self.directory)], check=True)
        (found,) = out.glob(f"{self.name.replace('-', '_')}-*.whl")
        return found


TAP = Distribution("tap-dagctl", ROOT, "tap-dagctl")
LOADER = Distribution("dagctl-target-duckdb", ROOT / "packages" / "target-duckdb", "target-duckdb")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    out = tmp_path_factory.mktemp("dist")
    return {it.name: it.build(out) for it in (TAP, LOADER)}


def installed(wheel: Path, tmp_path: Path) -> Path:
    """Install `wheel` into an environment of its own, and return the folder of its programs."""
    environment = tmp_path / "environment"
    subprocess.run([str(UV), "venv", "-q", "-p", sys.executable, str(environment)], check=True)
    install = [str(UV), "pip", "install", "-q", "-p", str(environment), str(wheel)]
    subprocess.run(install, check=True)
    return environment / "bin"


def run(tmp_path: Path, command: Path, *arguments: str, stdin: str = "") -> str:
    """Run `command`, which must succeed, and return what it wrote."""
    done = subprocess.run(
        [str(command), *arguments],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("it", [TAP, LOADER], ids=lambda it: it.name)
def test_an_sdist_has_its_package_and_the_pages_beside_it(
    wheels: dict[str, Path], it: Distribution
) -> None:
    (file,) = wheels[it.name].parent.glob(f"{it.name.replace('-', '_')}-*.tar.gz")
    with tarfile.open(file) as archive:
        names = {PurePath(name).relative_to(file.name[:-7]) for name in archive.getnames()}
    beside = {str(name) for name in names if name.parts[0] != it.package}
    own = {"CHANGELOG.md", "LICENSE", "README.md"} | ({"SECURITY.md"} if it == TAP else set())
    assert beside == own | {".gitignore", "PKG-INFO", "pyproject.toml"}


@pytest.mark.parametrize("it", [TAP, LOADER], ids=lambda it: it.name)
def test_a_wheel_has_its_package_and_nothing_else(
    wheels: dict[str, Path], it: Distribution
) -> None:
    with zipfile.ZipFile(wheels[it.name]) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        told = message_from_string(archive.read(metadata).decode())
        commands = archive.read(entry_points).decode()
    package = {name for name in names if ".dist-info/" not in name}

    assert package == {
        str(path.relative_to(it.directory))
        for path in (it.directory / it.package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert f"{it.package}/py.typed" in package
    assert any(name.endswith("LICENSE") for name in names)
    assert commands.split() == ["[console_scripts]", it.command, "=", f"{it.package}.__main__:main"]
    assert told["Name"] == it.name
    assert told["Requires-Python"] == ">=3.10"
    assert told["License-Expression"] == "Apache-2.0"
    assert f"# {it.name}" in str(told.get_payload())


def test_both_have_the_version_of_the_next_tag() -> None:
    lines = [[str(UV), "version", "--project", str(it.directory)] for it in (TAP, LOADER)]
    said = [subprocess.check_output(line, text=True).split() for line in lines]
    assert [name for name, _ in said] == [TAP.name, LOADER.name]
    assert said[0][1] == said[1][1]


def test_the_tap_runs_in_an_environment_that_has_nothing_else(
    wheels: dict[str, Path], api: Api, tmp_path: Path
) -> None:
    programs = installed(wheels[TAP.name], tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config_of(api)))
    api.world.put("runs", "proj_a", {"id": "run"})
    messages = run(tmp_path, programs / TAP.command, "--config", "config.json")

    records = [json.loads(line) for line in messages.splitlines() if '"RECORD"' in line]
    assert "run" in {message["record"].get("id") for message in records}


def test_the_loader_loads_in_an_environment_that_has_nothing_else(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    programs = installed(wheels[LOADER.name], tmp_path)
    config = {"filepath": "warehouse.duckdb", "default_target_schema": "raw"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    properties = {"id": {"type": "integer"}, "name": {"type": ["string", "null"]}}
    rows = [{"id": 1, "name": "one"}, {"id": 2, "name": ""}]
    messages = [
        {
            "type": "SCHEMA",
            "stream": "it",
            "schema": {"type": "object", "properties": properties},
            "key_properties": ["id"],
        },
        *({"type": "RECORD", "stream": "it", "record": row} for row in rows),
        {"type": "STATE", "value": {"at": "end"}},
    ]
    state = run(
        tmp_path,
        programs / LOADER.command,
        *("--config", "config.json"),
        stdin="".join(json.dumps(message) + "\n" for message in messages),
    )
    # Read by the DuckDB that was installed with it.
    read = "import duckdb; print(duckdb.connect('warehouse.duckdb').sql('FROM raw.it').fetchall())"
    stored = run(tmp_path, programs / "python", "-c", read)

    assert json.loads(state) == {"at": "end"}
    assert stored.strip() == "[(1, 'one'), (2, '')]"
