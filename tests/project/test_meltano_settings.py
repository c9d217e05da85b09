"""What Meltano is told of tap and loader is what they say, and reaches them with its type."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from scripts import hub
from stand_in.server import Api
from tests.support import troubleshooting
from tests.support.meltano import Meltano
from tests.support.project import ROOT

PLUGINS = yaml.safe_load((ROOT / "meltano.yml").read_text())["plugins"]
EXTRACTOR = PLUGINS["extractors"][0]
ABOUT = {"tap-dagctl": hub.tap(), "target-duckdb": hub.loader()}
BY_KIND = {"string": "text", "integer": 9, "number": 9, "array": ["sales", "a, b"]}
OF_SETTING = {
    "refused_projects": "warn",
    "start_date": "2026-01-31",
    "stream_maps": {"runs": {"__filter__": "False", "pod_name": "__NULL__"}},
    "stream_map_config": {"seed": "salt"},
    "faker_config": {"seed": 5, "locale": ["en_US"]},
    "batch_config": {"storage": {"root": "file:///tmp/batches"}},
}


def test_meltano_yml_says_what_the_hub_would() -> None:
    definition = hub.content()
    same = {"name", "capabilities", "namespace", "label", "executable"}
    for name in {*same, "settings_group_validation"}:
        assert EXTRACTOR[name] == definition[name]
    secret = [it["name"] for it in definition["settings"] if it.get("sensitive")]
    assert secret == ["api_token"]


def test_the_example_names_the_variables_that_meltano_yml_reads() -> None:
    example = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))

    assert set(re.findall(r"\$\{([A-Z_]+)\}", yaml.safe_dump(EXTRACTOR["config"]))) <= named


def test_one_duckdb_writes_builds_and_reads() -> None:
    for kind, name in (("loaders", "target-duckdb"), ("utilities", "dbt")):
        (url,) = (plugin["pip_url"] for plugin in PLUGINS[kind] if plugin["name"] == name)
        wanted = [it.partition(";")[0] for it in shlex.split(url)]
        assert f"duckdb=={duckdb.__version__}" in wanted, name


def test_what_overrides_versions_of_dbt_does_so_in_the_lock_too() -> None:
    lines = (ROOT / "packages" / "transform" / "overrides.txt").read_text().splitlines()
    overrides = [line for line in lines if not line.startswith("#")]
    assert overrides == re.findall(r"'(mashumaro\[.*)'", (ROOT / "pyproject.toml").read_text())


@pytest.fixture
def meltano(api: Api, tmp_path: Path) -> Meltano:
    """A user's project, in which nothing is set, and each plugin has an heir."""
    meltano = Meltano.of(api, tmp_path)
    project = yaml.safe_load((tmp_path / "meltano.yml").read_text())
    for plugins in (project["plugins"]["extractors"], project["plugins"]["loaders"]):
        for plugin in plugins:
            plugin.pop("config", None)
        plugins.append(
            {"name": "heir-of-" + plugins[0]["name"], "inherit_from": plugins[0]["name"]}
        )
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump(project))
    for name in [it for it in meltano.environment if it.startswith(("TAP_", "DAGCTL_"))]:
        del meltano.environment[name]
    return meltano


@pytest.mark.programs
@pytest.mark.parametrize("plugin", ABOUT)
def test_by_variable_and_by_inheritance(meltano: Meltano, plugin: str) -> None:
    values: dict[str, Any] = {}
    for name, schema in ABOUT[plugin].settings["properties"].items():
        kind = next(kind for kind in schema["type"] if kind != "null")
        by_kind = {**BY_KIND, "boolean": not schema.get("default")}
        values[name] = OF_SETTING.get(name, by_kind.get(kind))
        assert values[name] not in (schema.get("default"), None), name
    for name, value in values.items():
        text = value if isinstance(value, str) else json.dumps(value)
        meltano.environment[f"{plugin}_{name}".replace("-", "_").upper()] = text
    done = meltano("--log-level=error", "invoke", "--dump=config", f"heir-of-{plugin}")
    assert json.loads(done.stdout) == values


@pytest.mark.programs
@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("PROJECT_IDS", "", "Failed to parse JSON array from string: ''"),
        ("REQUEST_TIMEOUT", "60.5", "ValueError: invalid literal for int() with base 10: '60.5'"),
    ],
)
def test_what_meltano_cannot_read_is_explained(
    meltano: Meltano, variable: str, text: str, said: str
) -> None:
    meltano.environment[f"TAP_DAGCTL_{variable}"] = text
    done = meltano("--log-level=error", "invoke", "--dump=config", "tap-dagctl", code=1)

    assert said in done.stdout + done.stderr
    troubleshooting.check([said])
