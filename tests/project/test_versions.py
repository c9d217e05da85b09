"""What is tried, and what the SQL is linted with, are the versions that `meltano.yml` has."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.support.project import ROOT


def pins(text: str) -> set[str]:
    return set(re.findall(r"[\w-]+==[\d.]+", text))


def plugin(kind: str, name: str) -> set[str]:
    plugins: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text())["plugins"]
    (found,) = (plugin for plugin in plugins[kind] if plugin["name"] == name)
    return pins(found["pip_url"])


def test_make_snowflake_tries_the_loader_and_the_dbt_of_meltano_yml() -> None:
    tried = pins((ROOT / "tests/support/loaders/pyproject.toml").read_text())
    assert plugin("loaders", "target-snowflake") <= tried
    tried = pins((ROOT / "tests/support/adapters/pyproject.toml").read_text())
    assert plugin("utilities", "dbt-snowflake") <= tried


def test_make_lint_sql_asks_the_dbt_of_meltano_yml() -> None:
    project = (ROOT / "tests/support/sqlfluff/pyproject.toml").read_text()
    asked = {pin for pin in pins(project) if not pin.startswith("sqlfluff")}
    assert asked == {it for it in plugin("utilities", "dbt") if not it.startswith("dbt-postgres")}
    lines = (ROOT / "transform" / "overrides.txt").read_text().splitlines()
    overrides = [line for line in lines if not line.startswith("#")]
    assert overrides == re.findall(r"'(mashumaro\[.*)'", project)


def test_dependabot_watches_every_lock() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    watched = [
        ROOT / folder.lstrip("/") / "uv.lock"
        for update in updates
        if update["package-ecosystem"] == "uv"
        for folder in update.get("directories", [update.get("directory")])
    ]
    folders = (path for path in ROOT.iterdir() if path.is_dir() and path.name[0] != ".")
    locks = [lock for folder in folders for lock in folder.rglob("uv.lock")]
    assert sorted(watched) == sorted([ROOT / "uv.lock", *locks])


def test_the_docs_name_the_versions_that_are_tried() -> None:
    adapters = (ROOT / "tests/support/adapters/pyproject.toml").read_text()
    tried = pins(adapters)
    page = (ROOT / "docs" / "answers.md").read_text()
    assert {pin for pin in pins(page) if not pin.startswith("duckdb")} <= tried
    oldest = re.search(r'dbt-oldest = \["dbt-core==([\d.]+)"', adapters)
    assert oldest
    assert f"dbt-core {oldest[1]} and everything newer" in page
    project = (ROOT / "transform" / "dbt_project.yml").read_text()
    assert f'require-dbt-version: [">={oldest[1]}"' in project
