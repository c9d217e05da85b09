"""The plugin's definition for Meltano Hub, from what the tap says about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from tap_dagctl.tap import TapDagctl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Meltano's word for a type, by hand where the schema's word would mislead.
_KINDS = {
    "string": "string",
    "integer": "integer",
    "number": "decimal",
    "boolean": "boolean",
    "array": "array",
    "object": "object",
}


def definition() -> str:
    """Return the definition as YAML."""
    return "# Written by `make docs`.\n" + yaml.safe_dump(
        content(), sort_keys=False, allow_unicode=True, width=100
    )


def content() -> dict[str, Any]:
    """Return the definition."""
    about = TapDagctl(validate_config=False)._get_about_info()  # noqa: SLF001 - what --about prints
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
        "settings": list(_settings("", about.settings)),
    }


def _settings(prefix: str, schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the settings; those inside an object with dots in their names."""
    for name, field in schema["properties"].items():
        kinds = [kind for kind in field.get("type", ["string"]) if kind != "null"]
        # Users write those of stream_maps themselves: they are the names of streams.
        if field.get("properties") and name != "stream_maps":
            yield from _settings(f"{prefix}{name}.", field)
            continue
        setting = {"name": f"{prefix}{name}", "label": field.get("title", name)}
        is_time = field.get("format") == "date-time"
        setting["kind"] = "date_iso8601" if is_time else _KINDS[kinds[-1]]
        if "default" in field:
            setting["value"] = field["default"]
        if field.get("secret"):
            setting["sensitive"] = True
        yield setting | {"description": field.get("description", "")}
