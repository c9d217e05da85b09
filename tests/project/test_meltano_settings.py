"""Every setting that tap and loader describe reaches them through Meltano, with its type."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft7Validator

from scripts import hub
from stand_in.meltano import MELTANO
from tests.support import troubleshooting
from tests.support.meltano import Meltano
from tests.support.programs import ended

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api

pytestmark = pytest.mark.programs

ABOUT = {"tap-dagctl": hub.tap(), "target-duckdb": hub.loader()}
HEIRS = {"tap-dagctl": "tap-dagctl-runs", "target-duckdb": "target-duckdb-heir"}
BY_KIND = {"string": "text", "integer": 9, "number": 9, "array": ["sales", "a, b"]}
OF_SETTING = {
    "refused_projects": "warn",
    "start_date": "2026-01-31",
    "stream_maps": {"runs": {"__filter__": "False", "pod_name": "__NULL__"}},
    "stream_map_config": {"seed": "salt"},
    "faker_config": {"seed": 5, "locale": ["en_US"]},
    "batch_config": {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": "file:///tmp/batches"},
    },
}
# Many commands in one start of Meltano, which takes a second each time.
EACH = """
import json, sys
from meltano.cli import cli
for arguments in json.load(sys.stdin):
    cli(arguments, obj={"project": None}, standalone_mode=False)
"""


def values_of(plugin: str) -> dict[str, Any]:
    """Return a value for each setting that `--about` names, and that is not its default."""
    properties = ABOUT[plugin].settings["properties"]
    values = {}
    for name, schema in properties.items():
        kind = next(kind for kind in schema["type"] if kind != "null")
        by_kind = {**BY_KIND, "boolean": not schema.get("default")}
        values[name] = OF_SETTING.get(name, by_kind.get(kind))
    Draft7Validator({"properties": properties, "required": list(properties)}).validate(values)
    assert not [
        name for name, schema in properties.items() if schema.get("default") == values[name]
    ]
    return values


def as_text(value: object) -> str:
    """Return what a person writes for `value`, into a variable or on a command line."""
    return value if isinstance(value, str) else json.dumps(value)


@pytest.fixture
def meltano(api: Api, tmp_path: Path) -> Meltano:
    """A user's project, in which nothing is set, and the loader has an heir, too."""
    meltano = Meltano.of(api, tmp_path)
    project = yaml.safe_load((tmp_path / "meltano.yml").read_text())
    for kind in ("extractors", "loaders"):
        for plugin in project["plugins"][kind]:
            plugin.pop("config", None)
    heir = HEIRS["target-duckdb"]
    project["plugins"]["loaders"].append({"name": heir, "inherit_from": "target-duckdb"})
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump(project))
    meltano.environment = {
        name: value
        for name, value in meltano.environment.items()
        if not name.startswith(("TAP_", "DAGCTL_"))
    }
    return meltano


def received(meltano: Meltano, plugin: str) -> dict[str, Any]:
    """Return the configuration that the program is started with."""
    done = meltano("--log-level=error", "invoke", "--dump=config", plugin)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("plugin", ABOUT)
def test_by_variable_by_command_and_by_inheritance(meltano: Meltano, plugin: str) -> None:
    values, before, heir = values_of(plugin), dict(meltano.environment), HEIRS[plugin]
    for reader, prefix in ((plugin, plugin), (heir, plugin), (heir, heir)):
        meltano.environment = before | {
            f"{prefix}_{name}".replace("-", "_").upper(): as_text(value)
            for name, value in values.items()
        }
        assert received(meltano, reader) == values, (reader, prefix)

    meltano.environment = before
    commands = [["config", "set", plugin, name, as_text(value)] for name, value in values.items()]
    python, stdin = MELTANO.with_name("python"), json.dumps(commands)
    ended(python, "-c", EACH, cwd=meltano.directory, env=meltano.environment, stdin=stdin)
    for reader in (plugin, heir):
        assert received(meltano, reader) == values, reader


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("PROJECT_IDS", "sales,finance", "Failed to parse JSON array from string: 'sales,finance'"),
        ("PROJECT_IDS", "", "Failed to parse JSON array from string: ''"),
        ("REQUEST_TIMEOUT", "60.5", "ValueError: invalid literal for int() with base 10: '60.5'"),
    ],
)
def test_what_meltano_cannot_read_is_explained(
    meltano: Meltano, variable: str, text: str, said: str
) -> None:
    meltano.environment[f"TAP_DAGCTL_{variable}"] = text
    done = meltano("--log-level=error", "invoke", "--dump=config", "tap-dagctl")

    assert done.returncode != 0
    assert said in done.stdout + done.stderr
    troubleshooting.check([said])
