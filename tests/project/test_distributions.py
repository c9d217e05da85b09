"""The two distributions: what is in them, and that they run where nothing else is installed."""

from __future__ import annotations

import json
import os
import sys
import tarfile
import zipfile
from pathlib import Path, PurePath

import pytest

from stand_in.server import Api
from tests.support.programs import UV, ended
from tests.support.project import ROOT
from tests.support.syncs import config_of

pytestmark = pytest.mark.programs

TAP, LOADER = "tap-dagctl", "dagctl-target-duckdb"
BARE = {"PATH": os.environ["PATH"]}
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
        files = {PurePath(it) for it in wheel.namelist()}
    assert {str(it) for it in files if ".dist-info" not in it.parts[0]} == {
        str(path.relative_to(FOLDERS[name]))
        for path in (FOLDERS[name] / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert PurePath(package) / "py.typed" in files
    assert "LICENSE" in {it.name for it in files}


def test_both_have_the_version_of_the_next_tag() -> None:
    versions = [uv("version", "--short", "--project", folder) for folder in FOLDERS.values()]
    assert versions[0] == versions[1]


def test_each_runs_in_an_environment_that_has_nothing_else(
    dist: Path, api: Api, tmp_path: Path
) -> None:
    api.world.put("runs", "proj_a", {"id": "run"})
    loader = {"filepath": "warehouse.duckdb", "default_target_schema": "raw"}
    said = ""
    for name, config in ((TAP, config_of(api)), (LOADER, loader)):
        environment = tmp_path / name
        uv("venv", "-q", "-p", sys.executable, environment)
        uv("pip", "install", "-q", "-p", environment, file_of(dist, name, ".whl"))
        (tmp_path / "config.json").write_text(json.dumps(config))
        line = (environment / "bin" / name.removeprefix("dagctl-"), "--config", "config.json")
        said = ended(*line, cwd=tmp_path, env=BARE, stdin=said).stdout
    assert json.loads(said.splitlines()[-1])["bookmarks"]["runs"]
    # Read by the DuckDB that was installed with it.
    read = "import duckdb; duckdb.connect('warehouse.duckdb').sql('select id from raw.runs').show()"
    line = (tmp_path / LOADER / "bin" / "python", "-c", read)
    assert "run" in ended(*line, cwd=tmp_path, env=BARE).stdout
