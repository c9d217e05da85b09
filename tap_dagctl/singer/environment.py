"""The settings in the environment (`--config ENV`): their values, and what is wrong with them."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from tap_dagctl.errors import ConfigurationError
from tap_dagctl.settings import HELP

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FLAGS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


def value_of(text: str, kinds: Iterable[str], variable: str) -> Any:  # noqa: ANN401 - any JSON
    """Return the content of a variable as one of `kinds`, the types of a JSON schema.

    It is None where the text is empty, as an unset variable often is. No error shows the text,
    which may be a secret. The SDK would cut a number to an integer or leave it a text, and take
    any word but four for no.
    """
    kinds, text = set(kinds), text.strip()
    if "string" in kinds:
        return text
    if not text:
        return None
    try:
        if kinds & {"integer", "number"}:
            return int(text) if re.fullmatch(r"[+-]?\d+", text) else _number(text)
        if "boolean" in kinds:
            return _FLAGS[text.lower()]
        if "array" in kinds and not text.startswith("["):
            return text.split(",")
        value = json.loads(text)
    except (ValueError, KeyError):
        value = None
    if isinstance(value, list if "array" in kinds else dict):
        return value
    raise ConfigurationError(f"{variable} is not {_wanted(kinds)}")


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _wanted(kinds: set[str]) -> str:
    if kinds & {"integer", "number"}:
        return "a number"
    if "boolean" in kinds:
        return "true or false"
    if "array" in kinds:
        return 'a list in JSON, like ["sales", "proj_1a2b3c"]'
    return "an object in JSON"


def naming_variables(message: str, variables: Mapping[str, str]) -> str:
    """Return `message` with the variable that the setting it names was read from.

    It begins with the setting's name, or names it as `config['name']`.
    """
    found = re.search(r"config\['(\w+)'", message) or re.match(r"(\w+)", message)
    variable = variables.get(found[1]) if found else None
    return f"{message} ({variable})" if variable else message


def explain(errors: list[str], variables: Mapping[str, str]) -> str:
    """Return the SDK's schema errors as one line each, without any credential's value."""
    lines = (naming_variables(_without_value(error), variables) for error in errors)
    return "\n".join(f"Configuration: {line}; {HELP}" for line in lines)


def _without_value(error: str) -> str:
    # JSON schema errors begin with the value; a token given as a number would be shown.
    for name in ("api_token", "organization_id"):
        if error.endswith(f"config['{name}']"):
            return f"{name} is not a non-empty string"
    return error
