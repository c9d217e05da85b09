"""A new stream costs four places, as CONTRIBUTING says: no other file needs a change by hand."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.programs import ended
from tests.support.project import copy_to

# By file and the text before which it is added.
PLACES = {
    ("tap_dagctl/schemas.py", "_ORGANIZATION_ID = _text("): """SCHEDULES = _schema(
    _key("id", "The schedule's id."),
    _PROJECT_ID,
    _text("expression", "When it runs."),
    _CREATED_AT,
    _UPDATED_AT,
)

""",
    (
        "tap_dagctl/streams/__init__.py",
        "class EnvironmentProtections(",
    ): '''class Schedules(ProjectList):
    """A schedule of a project."""

    name = "schedules"
    path = "/projects/{project_id}/schedules"
    rows_key = "schedules"
    schema = schemas.SCHEDULES


''',
    ("tap_dagctl/streams/__init__.py", "    Syncs,\n)"): "    Schedules,\n",
    (
        "tools/stand_in/lists.py",
        "}\n\nOF_ORGANIZATION",
    ): '"schedules": [{"id": "schedule_0", "expression": "@daily"}]',
    ("CHANGELOG.md", "- New stream: `environment_variables`"): "- New stream: `schedules`.\n",
}


def run(directory: Path, *arguments: str) -> str:
    paths = [directory, directory / "tools", *directory.glob("packages/*")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    return ended(sys.executable, "-m", *arguments, cwd=directory, env=env).stdout


@pytest.mark.programs
def test_a_stream_is_added_in_four_places(tmp_path: Path) -> None:
    copy_to(tmp_path)
    for (name, place), added in PLACES.items():
        text = (tmp_path / name).read_text()
        assert place in text
        (tmp_path / name).write_text(text.replace(place, added + place, 1))

    run(tmp_path, "scripts.write")
    assert "### schedules" in (tmp_path / "docs/streams.md").read_text()
    assert (tmp_path / "packages/transform/models/staging/stg_dagctl__schedules.sql").exists()
    tests = ["tests/singer/test_sdk_standard.py", "tests/singer/test_catalog.py"]
    # In a folder of its own: else it closes that of these tests to other users.
    options = ["-q", "-p", "no:cacheprovider", "--basetemp=own", "-k", "schedules or catalog"]
    assert " passed" in run(tmp_path, "pytest", *options, *tests)
