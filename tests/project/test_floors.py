"""No file imports one that stands on a higher floor, not even for a type."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import grimp
import pytest

from tests.support.project import ROOT

LINTER = Path(sys.executable).with_name("lint-imports")


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINTER, "--no-cache", "--config", "pyproject.toml"],
        cwd=directory,
        env={"PYTHONPATH": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_import_goes_downward() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout
    assert "7 kept, 0 broken" in done.stdout


def test_no_file_of_the_tap_is_more_than_ten_imports_above_another() -> None:
    graph = grimp.build_graph("tap_dagctl", cache_dir=None)

    @cache
    def depth(module: str) -> int:
        return max(
            (1 + depth(it) for it in graph.find_modules_directly_imported_by(module)), default=0
        )

    assert max(map(depth, graph.modules)) <= 10


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("tap_dagctl/errors.py", "import tap_dagctl.settings"),
        ("tap_dagctl/api/retries.py", "import tap_dagctl.api.client"),
        ("tap_dagctl/pagination/page.py", "import tap_dagctl.state.bookmark"),
        ("tap_dagctl/singer/stream.py", "from tap_dagctl.tap import TapDagctl"),
        ("tap_dagctl/new_room.py", "import json"),
        ("tap_dagctl/__main__.py", "import orchestrate.errors"),
        ("orchestrate/states.py", "import orchestrate.state_backend"),
        ("orchestrate/backends/base.py", "import orchestrate.backends.folder"),
        ("orchestrate/chain.py", "import report.page"),
        ("report/tables.py", "import report.projects"),
        ("report/notify/news.py", "import report.notify.memory"),
        ("report/warehouse.py", "import target_duckdb.values"),
        ("target_duckdb/sink.py", "from target_duckdb.singer import LinewiseTarget"),
        ("stand_in/world.py", "import stand_in.server"),
    ],
)
def test_one_that_goes_upward_is_found(file: str, line: str, tmp_path: Path) -> None:
    for package in (
        "tap_dagctl",
        *(f"packages/{it}" for it in ("orchestrate/orchestrate", "report/report")),
        "packages/target-duckdb/target_duckdb",
        *(f"tools/{it}" for it in ("benchmarks", "scripts", "stand_in")),
    ):
        shutil.copytree(ROOT / package, tmp_path / Path(package).name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / file).open("a") as module:
        module.write(f"\nif TYPE_CHECKING:\n    {line}\n")
    assert lint(tmp_path).returncode == 1
