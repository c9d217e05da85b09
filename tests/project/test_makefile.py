"""The Python that `make` takes, and how it gets uv."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.support import troubleshooting
from tests.support.programs import UV, Done, ended
from tests.support.project import ROOT

pytestmark = pytest.mark.programs

# What `make test` itself hands to these tests.
_OF_MAKE = re.compile("MAKE|MFLAGS$|PYTHON$|UV_PYTHON_INSTALL_DIR$")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with uv, and with a Python that has venv and pip."""
    environment = tmp_path_factory.mktemp("python")
    ended(UV, "venv", "--quiet", "--clear", "--seed", "--python", sys.executable, environment)
    folder = tmp_path_factory.mktemp("programs")
    (folder / "python3").write_text(f'#!/bin/sh\nexec "{environment}/bin/python" "$@"\n')
    (folder / "python3").chmod(0o755)
    (folder / "uv").symlink_to(UV)
    return folder


def make(path: Path, directory: Path, *arguments: str, code: int | None = 0) -> Done:
    """Run `make` in an empty `directory`, where nothing but `path` is on PATH."""
    (directory / "Makefile").write_text(
        f"include {ROOT}/Makefile\n"
        'python: ; @echo "$(PYTHON) in $${UV_PYTHON_INSTALL_DIR-any folder}"\n'
    )
    env = {name: it for name, it in os.environ.items() if not _OF_MAKE.match(name)}
    line = (shutil.which("make"), *arguments)
    return ended(*line, code=code, cwd=directory, env=env | {"PATH": str(path)})


def test_a_python_that_fits_is_used_or_else_uv_brings_one(programs: Path, tmp_path: Path) -> None:
    assert make(programs, tmp_path, "python").stdout == f"{programs}/python3 in any folder\n"
    done = make(programs, tmp_path, "python", "FIT=import sys; sys.exit(1)")
    assert done.stdout == f"3.13 in {tmp_path}/.tools/python\n"


@pytest.mark.parametrize(
    ("there", "missing", "way"),
    [
        ("python3", [], "python3 -m venv"),
        ("python3", ["WITH_VENV="], "python3 -m pip"),
        # uv is given a Python, so that it brings none.
        ("uv", ["WITH_VENV=", "WITH_PIP=", f"PYTHON={sys.executable}"], "uv venv"),
    ],
)
def test_uv_comes_by_venv_or_pip_or_the_uv_that_is_there(
    programs: Path, tmp_path: Path, there: str, missing: list[str], way: str
) -> None:
    path = tmp_path / "path"
    path.mkdir()
    (path / there).symlink_to(programs / there)
    assert way in make(path, tmp_path, "--trace", ".tools/uv/bin/uv", *missing).stdout

    brought = tmp_path / ".tools" / "uv" / "bin" / "uv"
    assert ended(brought, "--version").stdout == ended(UV, "--version").stdout


def test_without_any_of_them_one_line_says_what_to_install(tmp_path: Path) -> None:
    done = make(tmp_path, tmp_path, ".tools/uv/bin/uv", code=2)
    troubleshooting.check(done.stderr.splitlines()[:1])
