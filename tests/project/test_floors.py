"""No file imports one that stands on a higher floor, not even for a type; nor a file of tests."""

from __future__ import annotations

import re
import shutil
import sys
from functools import cache
from pathlib import Path

import grimp

from tests.support.programs import ended
from tests.support.project import ROOT

# What stands on which floor, and imports what is above it, or beside it.
UPWARD = {
    "tap_dagctl.errors": "tap_dagctl.settings",
    "tap_dagctl.api.retries": "tap_dagctl.api.client",
    "tap_dagctl.pagination.page": "tap_dagctl.state.bookmark",
    "tap_dagctl.singer.stream": "tap_dagctl.tap",
    "tap_dagctl.__main__": "orchestrate.errors",
    "orchestrate.states": "orchestrate.state_backend",
    "orchestrate.backends.base": "orchestrate.backends.folder",
    "orchestrate.chain": "report.page",
    "report.tables": "report.projects",
    "report.notify.news": "report.notify.memory",
    "report.warehouse": "target_duckdb.values",
    "target_duckdb.sink": "target_duckdb.singer",
    "stand_in.world": "stand_in.server",
}


def lint(directory: Path, code: int) -> str:
    program = Path(sys.executable).with_name("lint-imports")
    env = {"PYTHONPATH": str(directory), "COLUMNS": "1000"}
    options = ("--no-cache", "--config", "pyproject.toml")
    return ended(program, *options, code=code, cwd=directory, env=env).stdout


def test_every_import_goes_downward() -> None:
    assert "7 kept, 0 broken" in lint(ROOT, 0)


def test_no_file_of_the_tap_is_more_than_ten_imports_above_another() -> None:
    graph = grimp.build_graph("tap_dagctl", cache_dir=None)

    @cache
    def depth(module: str) -> int:
        return max(
            (1 + depth(it) for it in graph.find_modules_directly_imported_by(module)), default=0
        )

    assert max(map(depth, graph.modules)) <= 10


def test_one_that_goes_upward_is_found(tmp_path: Path) -> None:
    for package in (
        "tap_dagctl",
        *(f"packages/{it}" for it in ("orchestrate/orchestrate", "report/report")),
        "packages/target-duckdb/target_duckdb",
        *(f"tools/{it}" for it in ("benchmarks", "scripts", "stand_in")),
    ):
        shutil.copytree(ROOT / package, tmp_path / Path(package).name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tap_dagctl" / "new_room.py").touch()
    for module, above in UPWARD.items():
        with (tmp_path / module.replace(".", "/")).with_suffix(".py").open("a") as file:
            file.write(f"\nif TYPE_CHECKING:\n    import {above}\n")
    said = lint(tmp_path, 1)

    assert "new_room" in said
    for module, above in UPWARD.items():
        # Of two that import each other, one import is told, by their last names.
        one, other = (f".{name.rpartition('.')[2]}" for name in (module, above))
        told = (f"{module} -> {above}", f"{one} -> {other}", f"{other} -> {one}")
        assert any(it in said for it in told), module


def test_tests_import_of_tests_only_what_supports_all_or_their_own() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}: {line}"
        for folder in (ROOT / "tests", *ROOT.glob("packages/*/tests"))
        for own in [".".join(folder.relative_to(ROOT).parts)]
        for file in folder.rglob("*.py")
        for line in file.read_text().splitlines()
        if re.match(r"\s*(from|import) (tests|packages)\b", line)
        and not re.match(rf"\s*(from|import) (tests|{own})\.support\b", line)
    ]

    assert wrong == []
