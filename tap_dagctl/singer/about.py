"""`--about` as text: each setting with its meaning, default and range. The SDK's has only types."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from singer_sdk.about import AboutInfo, TextFormatter
from typing_extensions import override

from tap_dagctl.schemas import kinds_of


class SettingsFormatter(TextFormatter, format_name="text"):
    """Takes the place of the SDK's formatter."""

    @override
    def format_about(self, about_info: AboutInfo) -> str:
        head, title, _ = super().format_about(about_info).partition("\nSettings:\n")
        settings = about_info.settings
        return head + title + "\n".join(_lines(settings, about_info.env_var_prefix))


def _lines(schema: Mapping[str, Any], prefix: str, path: str = "") -> Iterator[str]:
    for name, setting in schema["properties"].items():
        if "type" not in setting:
            continue
        default = setting.get("default")
        facts = [type_in_words(setting)]
        facts += ["required"] if name in schema.get("required", ()) else []
        facts += [f"default {code(default)}"] if default is not None else []
        yield f"  {path}{name} ({'; '.join(facts)})"
        if meaning := setting.get("description", ""):
            yield textwrap.fill(meaning, 100, initial_indent=" " * 6, subsequent_indent=" " * 6)
        if not path:
            yield f"      Environment variable: {prefix}{name.upper()}"
        if setting.get("properties"):
            yield from _lines(setting, prefix, f"{path}{name}.")


def code(value: object) -> str:
    """Return a value as it is written in a configuration."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def type_in_words(schema: Mapping[str, Any]) -> str:
    if schema.get("secret"):
        return "string, secret"
    words = {"array": "array of strings", "string": schema.get("format", "string")}
    kind = kinds_of(schema)[-1]
    text = words.get(kind, kind)
    if "enum" in schema:
        return f"{text}, one of {', '.join(map(str, schema['enum']))}"
    if "exclusiveMinimum" in schema:
        return f"{text}, > {schema['exclusiveMinimum']}, at most {schema['maximum']}"
    if "maximum" in schema:
        return f"{text}, {schema['minimum']} to {schema['maximum']}"
    return f"{text}, ≥ {schema['minimum']}" if "minimum" in schema else text
