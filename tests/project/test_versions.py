"""What is tried, and what the SQL is linted with, are the versions that `meltano.yml` has."""

from __future__ import annotations

import re
import shlex
from typing import Any

import duckdb
import yaml

from tests.support.programs import GROUPS
from tests.support.project import ROOT

TRIED = GROUPS.read_text()


def pins(text: str) -> set[str]:
    return set(re.findall(r"[\w-]+==[\d.]+", text))


def url(kind: str, name: str) -> str:
    plugins: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text())["plugins"]
    (found,) = (plugin for plugin in plugins[kind] if plugin["name"] == name)
    return str(found["pip_url"])


def test_what_is_tried_are_the_loader_and_the_dbt_of_meltano_yml() -> None:
    assert pins(url("loaders", "target-snowflake")) <= pins(TRIED)
    assert pins(url("utilities", "dbt-snowflake")) <= pins(TRIED)
    (group,) = re.findall(r"^sqlfluff = \[(.*?)^\]", TRIED, re.DOTALL | re.MULTILINE)
    asked = {pin for pin in pins(group) if not pin.startswith("sqlfluff")}
    assert asked == {it for it in pins(url("utilities", "dbt")) if "dbt-postgres" not in it}


def test_one_duckdb_writes_builds_and_reads() -> None:
    for kind, name in (("loaders", "target-duckdb"), ("utilities", "dbt")):
        wanted = [it.partition(";")[0] for it in shlex.split(url(kind, name))]
        assert f"duckdb=={duckdb.__version__}" in wanted, name


def test_the_docs_name_the_versions_that_are_tried() -> None:
    page = (ROOT / "docs" / "answers.md").read_text()
    assert {pin for pin in pins(page) if not pin.startswith("duckdb")} <= pins(TRIED)
    (oldest,) = re.findall(r'dbt-oldest = \["dbt-core==([\d.]+)"', TRIED)
    assert f"dbt-core {oldest} and everything newer" in page
    project = (ROOT / "packages" / "transform" / "dbt_project.yml").read_text()
    assert f'require-dbt-version: [">={oldest}"' in project
