"""The two distributions: what is in them, and that they run where nothing else is installed."""

from __future__ import annotations

import json
import os
import sys
import tarfile
import zipfile
from email import message_from_string
from pathlib import PurePath
from typing import TYPE_CHECKING

import pytest

from tests.support.environments import UV
from tests.support.programs import ended
from tests.support.project import ROOT
from tests.support.syncs import config_of

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api

pytestmark = pytest.mark.programs

TAP, LOADER = "tap-dagctl", "dagctl-target-duckdb"
# Where in the checkout each is made from.
FOLDERS = {TAP: ROOT, LOADER: ROOT / "packages" / "target-duckdb"}


def uv(*arguments: Path | str) -> str:
    return ended(UV, *arguments).stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the sdists and the wheels."""
    out = tmp_path_factory.mktemp("dist")
    for folder in FOLDERS.values():
        uv("build", "--quiet", "--out-dir", out, "--python", sys.executable, folder)
    return out


def file_of(dist: Path, name: str, ending: str) -> Path:
    (file,) = dist.glob(f"{name.replace('-', '_')}-*{ending}")
    return file


def installed(dist: Path, name: str, tmp_path: Path) -> Path:
    """Install it into an environment of its own, and return the folder of its programs."""
    environment = tmp_path / "environment"
    uv("venv", "-q", "-p", sys.executable, environment)
    uv("pip", "install", "-q", "-p", environment, file_of(dist, name, ".whl"))
    return environment / "bin"


def run(tmp_path: Path, *command: Path | str, stdin: str = "") -> str:
    """Run a command in a bare environment, and return what it wrote."""
    return ended(*command, cwd=tmp_path, env={"PATH": os.environ["PATH"]}, stdin=stdin).stdout


@pytest.mark.parametrize("name", FOLDERS)
def test_it_has_its_package_and_the_pages_beside_it_and_nothing_else(dist: Path, name: str) -> None:
    command = name.removeprefix("dagctl-")
    package = command.replace("-", "_")
    file = file_of(dist, name, ".tar.gz")
    with tarfile.open(file) as archive:
        names = {PurePath(it).relative_to(file.name[:-7]) for it in archive.getnames()}
    beside = {str(it) for it in names if it.parts[0] != package}
    own = {"CHANGELOG.md", "LICENSE", "README.md"} | ({"SECURITY.md"} if name == TAP else set())
    assert beside == own | {".gitignore", "PKG-INFO", "pyproject.toml"}

    with zipfile.ZipFile(file_of(dist, name, ".whl")) as wheel:
        about = {it: wheel.read(it).decode() for it in wheel.namelist() if ".dist-info/" in it}
        of_package = {it for it in wheel.namelist() if it not in about}
    assert of_package == {
        str(path.relative_to(FOLDERS[name]))
        for path in (FOLDERS[name] / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert f"{package}/py.typed" in of_package
    by_name = {PurePath(it).name: text for it, text in about.items()}
    assert "LICENSE" in by_name
    commands = by_name["entry_points.txt"].split()
    assert commands == ["[console_scripts]", command, "=", f"{package}.__main__:main"]
    told = message_from_string(by_name["METADATA"])
    assert told["Name"] == name
    assert told["Requires-Python"] == ">=3.10"
    assert told["License-Expression"] == "Apache-2.0"
    assert f"# {name}" in str(told.get_payload())


def test_both_have_the_version_of_the_next_tag() -> None:
    said = [uv("version", "--project", folder).split() for folder in FOLDERS.values()]
    assert [name for name, _ in said] == list(FOLDERS)
    assert said[0][1] == said[1][1]


def test_the_tap_runs_in_an_environment_that_has_nothing_else(
    dist: Path, api: Api, tmp_path: Path
) -> None:
    programs = installed(dist, TAP, tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config_of(api)))
    api.world.put("runs", "proj_a", {"id": "run"})
    messages = run(tmp_path, programs / "tap-dagctl", "--config", "config.json")

    records = [json.loads(line) for line in messages.splitlines() if '"RECORD"' in line]
    assert "run" in {message["record"].get("id") for message in records}


def test_the_loader_loads_in_an_environment_that_has_nothing_else(
    dist: Path, tmp_path: Path
) -> None:
    programs = installed(dist, LOADER, tmp_path)
    config = {"filepath": "warehouse.duckdb", "default_target_schema": "raw"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    it = {"stream": "it"}
    properties = {"id": {"type": "integer"}, "name": {"type": ["string", "null"]}}
    messages = [
        it | {"type": "SCHEMA", "schema": {"properties": properties}, "key_properties": ["id"]},
        it | {"type": "RECORD", "record": {"id": 1, "name": "one"}},
        it | {"type": "RECORD", "record": {"id": 2, "name": ""}},
        {"type": "STATE", "value": {"at": "end"}},
    ]
    stdin = "".join(json.dumps(message) + "\n" for message in messages)
    state = run(tmp_path, programs / "target-duckdb", "--config", "config.json", stdin=stdin)
    # Read by the DuckDB that was installed with it.
    read = "import duckdb; print(duckdb.connect('warehouse.duckdb').sql('FROM raw.it').fetchall())"
    stored = run(tmp_path, programs / "python", "-c", read)

    assert json.loads(state) == {"at": "end"}
    assert stored.strip() == "[(1, 'one'), (2, '')]"
