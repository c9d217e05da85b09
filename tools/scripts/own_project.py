"""The `meltano.yml` that docs/meltano.md has for a project of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

MELTANO = Path(__file__).resolve().parents[2] / "meltano.yml"
SOURCE = "git+${DAGCTL_SOURCE}"
JOBS = ("everything", "runs", "statistics")


class _OneLine(dict[str, Any]):
    """A mapping that is written on one line."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(
    _OneLine,
    lambda dumper, value: dumper.represent_mapping("tag:yaml.org,2002:map", value, flow_style=True),
)


def lines() -> Iterator[str]:
    """Yield the lines of the block on the page."""
    text = yaml.dump(_project(), sort_keys=False, width=120, Dumper=_Dumper, allow_unicode=True)
    yield f"```yaml\n{text}```"


def _project() -> dict[str, Any]:
    this: dict[str, Any] = yaml.safe_load(MELTANO.read_text())
    plugins = this["plugins"]
    named = {plugin["name"]: plugin for kind in plugins.values() for plugin in kind}
    for plugin in named.values():
        if "settings" in plugin:
            plugin["settings"] = [_OneLine(_short(it)) for it in plugin["settings"]]
        for command in plugin.get("commands", {}).values():
            del command["description"]
    loader, dbt, notify = (named[name] for name in ("target-duckdb", "dbt", "notify"))
    _, _, duckdb = loader["pip_url"].partition("target-duckdb ")
    named["tap-dagctl"]["pip_url"] = SOURCE
    loader["pip_url"] = f"{SOURCE}#subdirectory=packages/target-duckdb {duckdb}"
    notify |= {
        "pip_url": f"{SOURCE}#subdirectory=packages/report",
        "executable": "python",
        "commands": {"duckdb": notify["commands"]["duckdb"], "page": {"args": "-m report"}},
    }
    core, adapter, *_ = dbt["pip_url"].split()
    dbt |= {
        "name": "dbt-duckdb",
        "pip_url": f"{core} {adapter} {duckdb}",
        "commands": {
            "deps": {"args": "deps"},
            **{name: dbt["commands"][name] for name in ("build", "now")},
            "check": {"args": "run-operation tap_dagctl.fail_if_unread"},
        },
    }
    for setting in dbt["settings"][:2]:
        setting["value"] = "${MELTANO_PROJECT_ROOT}/transform"
    return {
        "default_environment": "dev",
        "environments": this["environments"],
        "plugins": {
            "extractors": plugins["extractors"],
            "loaders": [loader],
            "utilities": [dbt, notify],
        },
        "jobs": [job for job in this["jobs"] if job["name"] in JOBS],
        "schedules": this["schedules"],
    }


def _short(setting: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in setting.items() if name != "label"}
