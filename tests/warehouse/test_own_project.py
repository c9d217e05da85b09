"""docs/meltano.md in an empty folder, as it stands: pasted, installed from Git, and run."""

from __future__ import annotations

import re
import shlex
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import duckdb
import pytest

from stand_in.history import History
from stand_in.meltano import MELTANO, environment_for
from stand_in.server import serving
from stand_in.world import World
from tests.support.programs import ended
from tests.support.project import ROOT, copy_to
from tests.support.truth import KEYS, tables

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs" / "meltano.md").read_text()
ANSWERS = (ROOT / "docs" / "answers.md").read_text()
SECTION = PAGE.partition("## In a Meltano project of your own\n")[2].partition("\n## ")[0]
BLOCK = re.compile(r"^( *)```\w+\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def pasted(name: str) -> str:
    """Return the first block behind `name`, without the list's indentation."""
    found = BLOCK.search(SECTION, SECTION.index(name))
    assert found is not None
    return re.sub(rf"^{found[1]}", "", found[2], flags=re.MULTILINE)


@pytest.mark.programs
def test_the_page_makes_a_project_that_loads_and_answers(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "transform").mkdir(parents=True)
    for name in ("meltano.yml", "packages.yml", "dbt_project.yml", "profiles.yml"):
        path = project / name if name == "meltano.yml" else project / "transform" / name
        path.write_text(pasted(f"`{name}`" if path.parent == project else f"`transform/{name}`"))

    # uv takes Git from https, ssh and files only. The checkout itself may lack the history that a
    # repository needs to be fetched, and has changes that are not committed.
    repository = tmp_path / "tap-dagctl"
    repository.mkdir()
    copy_to(repository)
    nobody = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.com")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "As it is now"]):
        ended("git", *nobody, *command, cwd=repository)
    # The answers count back from the day of the build.
    now = datetime.now(tz=timezone.utc).replace(microsecond=0)
    world = History(World(now=now), days=30).world
    with serving(world) as api:
        environment = environment_for(api.url, world.token, world.organization_id)
        account = {"DAGCTL_SOURCE": f"file://{repository}"}
        account |= {name: environment.pop(name) for name in ("DAGCTL_TOKEN", "ORG_ID")}
        (project / ".env").write_text(
            re.sub(
                r"^(\w+)=$",
                lambda it: f"{it[0]}{account[it[1]]}",
                pasted("`.env`"),
                flags=re.MULTILINE,
            )
        )
        said = []
        for line in (pasted("Install it") + pasted("To look at them")).splitlines():
            command = shlex.split(line, comments=True)
            if command[0] == "meltano":
                command[0] = str(MELTANO)
            said.append(ended(*command, cwd=project, env=environment).stdout)
    *_, breaches, page, alerts = said
    assert "finance_marts" in breaches
    assert page.strip() == f"{project}/output/report.html is written, from warehouse.duckdb"
    assert "finance_marts" in (project / "output" / "report.html").read_text()
    assert alerts.startswith("notify: as to a new address:\n\ndagctl: ")

    with duckdb.connect(str(project / "output/warehouse.duckdb"), read_only=True) as warehouse:
        for name, expected in tables(world, world.now.date()).items():
            keys = ", ".join(KEYS[name])
            loaded = warehouse.execute(f"select {keys} from dagctl.{name}").fetchall()  # noqa: S608 - names from KEYS
            if name not in ("daily_stats", "model_stats"):
                assert set(loaded) == set(expected)
        questions, *_ = re.findall(r"```sql\n(.*?)```", ANSWERS, re.DOTALL)
        for question in questions.strip().split(";\n\n"):
            assert warehouse.execute(question).fetchall()
