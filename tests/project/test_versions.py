"""What is tried, and what the SQL is linted with, are the versions that `meltano.yml` has."""

from __future__ import annotations

import re
import sys
from typing import Any

import yaml

from tests.support.environments import GROUPS, UV
from tests.support.programs import ended
from tests.support.project import ROOT


def pins(text: str) -> set[str]:
    return set(re.findall(r"[\w-]+==[\d.]+", text))


def plugin(kind: str, name: str) -> set[str]:
    plugins: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text())["plugins"]
    (found,) = (plugin for plugin in plugins[kind] if plugin["name"] == name)
    return pins(found["pip_url"])


def test_make_snowflake_tries_the_loader_and_the_dbt_of_meltano_yml() -> None:
    tried = pins(GROUPS.read_text())
    assert plugin("loaders", "target-snowflake") <= tried
    assert plugin("utilities", "dbt-snowflake") <= tried


def test_make_lint_sql_asks_the_dbt_of_meltano_yml() -> None:
    (group,) = re.findall(r"^sqlfluff = \[(.*?)^\]", GROUPS.read_text(), re.DOTALL | re.MULTILINE)
    asked = {pin for pin in pins(group) if not pin.startswith("sqlfluff")}
    assert asked == {it for it in plugin("utilities", "dbt") if not it.startswith("dbt-postgres")}
    project = (ROOT / "pyproject.toml").read_text()
    lines = (ROOT / "packages" / "transform" / "overrides.txt").read_text().splitlines()
    overrides = [line for line in lines if not line.startswith("#")]
    assert overrides == re.findall(r"'(mashumaro\[.*)'", project)


def test_there_is_one_lock_and_it_is_that_of_every_project() -> None:
    ended(UV, "lock", "--check", "--offline", "--python", sys.executable)
    folders = (path for path in ROOT.iterdir() if path.is_dir() and path.name[0] != ".")
    assert [lock for folder in folders for lock in folder.rglob("uv.lock")] == []


def test_no_environment_holds_two_groups_or_a_group_and_a_part_of_the_tap() -> None:
    text = GROUPS.read_text()
    groups, conflicts = text.split("[dependency-groups]")[1].split("\n[tool.uv]\n")
    names = re.findall(r"^([\w-]+) = \[", groups, re.MULTILINE)
    parts = re.findall(r"\n    \[\n        (.*),\n((?:        .*\n)*)    \],", conflicts)
    # The tap itself, what develops it, and each package beside it.
    assert len(parts) == 2 + len(list((ROOT / "packages").glob("*/pyproject.toml")))
    for _, others in parts:
        assert re.findall(r'{ group = "([\w-]+)" }', others) == names


def test_the_docs_name_the_versions_that_are_tried() -> None:
    adapters = GROUPS.read_text()
    tried = pins(adapters)
    page = (ROOT / "docs" / "answers.md").read_text()
    assert {pin for pin in pins(page) if not pin.startswith("duckdb")} <= tried
    oldest = re.search(r'dbt-oldest = \["dbt-core==([\d.]+)"', adapters)
    assert oldest
    assert f"dbt-core {oldest[1]} and everything newer" in page
    project = (ROOT / "packages" / "transform" / "dbt_project.yml").read_text()
    assert f'require-dbt-version: [">={oldest[1]}"' in project
