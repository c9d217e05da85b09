"""The settings in the environment (`--config ENV`): their values, and what is wrong with them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from tap_dagctl.errors import ConfigurationError
from tap_dagctl.settings import HELP

_FLAGS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
# By type, the words of an error.
_WANTED = {
    "integer": "a number",
    "number": "a number",
    "boolean": "true or false",
    "array": 'a list in JSON, like ["sales", "proj_1a2b3c"]',
    "object": "an object in JSON",
}


def value_of(text: str, types: Iterable[str], variable: str) -> Any:  # noqa: ANN401 - any JSON
    """Return the content of a variable as one of `types`; None for an empty one.

    No error shows the text, which may be a secret. The SDK would cut a number to an integer or
    leave it a text, and take any word but four for no.
    """
    wanted = next(iter({*types} - {"null"}))
    text = text.strip()
    if wanted == "string":
        return text
    if not text:
        return None
    try:
        return _parsed(text, wanted)
    except (ValueError, KeyError):
        raise ConfigurationError(f"{variable} is not {_WANTED[wanted]}") from None


def _parsed(text: str, wanted: str) -> object:
    if wanted in {"integer", "number"}:
        if re.fullmatch(r"[+-]?\d+", text):
            return int(text)
        if math.isfinite(number := float(text)):
            return number
        raise ValueError
    if wanted == "boolean":
        return _FLAGS[text.lower()]
    if wanted == "array" and not text.startswith("["):
        return text.split(",")
    value = json.loads(text)
    if isinstance(value, list if wanted == "array" else dict):
        return value
    raise ValueError


def naming_variables(message: str, variables: Mapping[str, str]) -> str:
    """Return `message` with the variable that the setting it names was read from.

    It begins with the setting's name, or names it as `config['name']`.
    """
    found = re.search(r"config\['(\w+)'", message) or re.match(r"(\w+)", message)
    variable = variables.get(found[1]) if found else None
    return f"{message} ({variable})" if variable else message


def explain(errors: list[str], variables: Mapping[str, str]) -> str:
    """Return the SDK's schema errors as one line each, without any credential's value."""
    # JSON schema errors begin with the value; a token given as a number would be shown.
    secret = re.compile(r".*config\['(api_token|organization_id)'\]\Z", re.DOTALL)
    hidden = (secret.sub(r"\1 is not a non-empty string", error) for error in errors)
    lines = (naming_variables(line, variables) for line in hidden)
    return "\n".join(f"Configuration: {line}; {HELP}" for line in lines)
