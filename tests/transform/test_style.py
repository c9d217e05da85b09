"""`make lint-sql` fails where the SQL is not in style, in any of its files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout that holds only what `make lint-sql` needs; what dbt writes stays in it."""
    make(ROOT, ".tools/sqlfluff/ready").check_returncode()
    (tmp_path / ".tools").mkdir()
    for name in ("uv", "sqlfluff"):
        (tmp_path / ".tools" / name).symlink_to(ROOT / ".tools" / name)
    shutil.copytree(ROOT / "packages" / "transform", tmp_path / "packages" / "transform")
    for name in ("tools", "uv.lock"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def make(directory: Path, target: str) -> subprocess.CompletedProcess[str]:
    """Run `make` in a shell that has set nothing but its PATH."""
    return subprocess.run(
        ["make", "-f", ROOT / "Makefile", target],
        cwd=directory,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def files_that_fail(done: subprocess.CompletedProcess[str]) -> set[str]:
    assert done.returncode != 0
    return set(re.findall(r"\[(.*)\] FAIL", done.stdout))


def spoil(path: Path, text: str, badly: str) -> None:
    assert text in path.read_text(), f"{path} is not what this test takes it for"
    path.write_text(path.read_text().replace(text, badly, 1))


def test_every_model_and_test_is_looked_at(copy: Path) -> None:
    transform = copy / "packages" / "transform"
    files = {*transform.glob("models/**/*.sql"), *transform.glob("tests/*.sql")}
    for path in files:
        spoil(path, "{{ ", "{{")
    answers = transform / "models" / "answers"
    spoil(answers / "broken_jobs.sql", "\n    and not", "\nand NOT")
    stop = "{% if execute %}{{ exceptions.raise_compiler_error('stop') }}{% endif %}"
    spoil(answers / "run_days.sql", "with runs", f"{stop} with runs")
    done = make(copy, "lint-sql")
    assert files_that_fail(done) == {str(path.relative_to(transform)) for path in files}
    # The tag, the indent, the capitals, and what dbt does not compile.
    assert {"JJ01", "LT02", "CP01", "TMP"} <= set(re.findall(r"\| +(\w+) \|", done.stdout))


def test_every_macro_is_looked_at(copy: Path) -> None:
    transform = copy / "packages" / "transform"
    files = {*transform.glob("macros/*.sql"), *transform.glob("tests/generic/*.sql")}
    for path in files:
        spoil(path, *(("{{ ", "{{") if "{{ " in path.read_text() else ("{% macro ", "{%macro ")))
    done = make(copy, "lint-sql")
    assert files_that_fail(done) == {str(path.relative_to(transform)) for path in files}
