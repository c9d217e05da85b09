"""What Meltano is told of the tap and its loader, from what they say about themselves.

The plugin's definition for Meltano Hub and those in `meltano.yml` come from here, so that Meltano
knows every setting wherever the plugin came from. Meltano hands on no variable of a setting that
it does not know, and takes the value for a text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from singer_sdk.about import AboutInfo

from scripts import everything
from scripts.tables import with_lines
from tap_dagctl.schemas import kinds_of
from target_duckdb.target import TargetDuckDB

# Meltano's word for a type, where it is not the same. It cannot write a number of its kind
# `decimal` into the file for the plugin.
_KINDS = {"number": "integer"}


def definition() -> str:
    """Return the definition for the Hub, as YAML."""
    return f"# Written by `make docs`.\n{_as_yaml(content())}"


def _as_yaml(content: object) -> str:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def content() -> dict[str, Any]:
    """Return the definition for the Hub."""
    about = tap()
    return {
        "name": "tap-dagctl",
        "variant": "tap-dagctl",
        "namespace": "tap_dagctl",
        "label": "dagctl",
        "description": about.description,
        "keywords": ["api", "meltano_sdk"],
        "maintenance_status": "active",
        "domain_url": "https://dagctl.com",
        "pip_url": "tap-dagctl",
        "executable": "tap-dagctl",
        "capabilities": sorted(capability.value for capability in about.capabilities),
        "settings_group_validation": [["api_token", "organization_id"]],
        "settings": list(settings(about)),
    }


def tap() -> AboutInfo:
    """Return what the tap prints for `--about`."""
    return everything.tap()._get_about_info()  # noqa: SLF001 - the SDK's own


def loader() -> AboutInfo:
    """Return what the loader prints for `--about`."""
    about: AboutInfo = TargetDuckDB(config={"filepath": ":memory:"})._get_about_info()  # noqa: SLF001
    return about


def meltano_yml(text: str) -> str:
    """Return `meltano.yml` with what the tap and its loader say about themselves."""
    for name, about in (("tap-dagctl", tap()), ("target-duckdb", loader())):
        begin = f"    # {name}: written by `make docs`\n"
        text = with_lines(text, begin, f"    # end of {name}\n", _plugin(about))
    return text


def _plugin(about: AboutInfo) -> Iterator[str]:
    plugin = {
        "capabilities": sorted(capability.value for capability in about.capabilities),
        "settings": [
            {name: value for name, value in setting.items() if name != "description"}
            for setting in settings(about)
        ],
    }
    for line in _as_yaml(plugin).splitlines():
        yield f"    {line}"


def settings(about: AboutInfo) -> Iterator[dict[str, Any]]:
    """Yield the settings.

    An object is one setting. If what is inside it were settings, too, Meltano would hand on an
    object of nulls where nothing is set; without the object, its variable would be ignored.
    """
    for name, field in about.settings["properties"].items():
        kind = kinds_of(field)[-1]
        setting = {"name": name, "label": field["title"]}
        is_time = field.get("format") == "date-time"
        setting["kind"] = "date_iso8601" if is_time else _KINDS.get(kind, kind)
        if "enum" in field:
            setting["kind"] = "options"
            setting["options"] = [{"label": it, "value": it} for it in field["enum"]]
        if "default" in field:
            setting["value"] = field["default"]
        if field.get("secret"):
            setting["sensitive"] = True
        yield setting | {"description": field["description"]}
