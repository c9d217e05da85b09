from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from scripts import everything
from tests.support.programs import GROUPS, ended
from tests.support.project import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("packages/*/README.md")])


def test_the_generated_parts_are_up_to_date() -> None:
    ended(sys.executable, "-m", "scripts.write", "--check")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        file, _, heading = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        assert not heading or heading in _headings(target), link


def test_the_record_on_the_page_of_streams_has_the_fields_of_a_run() -> None:
    page = (ROOT / "docs" / "streams.md").read_text()
    (record,) = re.findall("```json\n(.*?)```", page, re.DOTALL)
    (runs,) = (stream for stream in everything.streams() if stream.name == "runs")
    assert list(json.loads(record)) == list(runs.schema["properties"])


def test_the_versions_that_are_named_are_tried() -> None:
    tried = GROUPS.read_text()
    for name in ("meltano.yml", "docs/answers.md"):
        assert _pins((ROOT / name).read_text()) <= _pins(tried)
    (oldest,) = re.findall(r'dbt-oldest = \["dbt-core==([\d.]+)"', tried)
    page = (ROOT / "docs" / "answers.md").read_text()
    assert f"dbt-core {oldest} and everything newer" in page
    project = (ROOT / "packages" / "transform" / "dbt_project.yml").read_text()
    assert f'require-dbt-version: [">={oldest}"' in project


def _pins(text: str) -> set[str]:
    return set(re.findall(r"[\w-]+==[\d.]+", text))


def _headings(page: Path) -> set[str]:
    """Return the name by which a link reaches each heading."""
    titles = re.findall("^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
