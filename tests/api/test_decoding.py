"""Whatever JSON an answer holds, what is made of it can be loaded, and is else what it was."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given

from tap_dagctl.api.decoding import decode_json
from tests.support.made_up_rows import ANY_JSON, LEAST, MOST


def is_loadable(value: Any) -> bool:
    """Whether every loader can take `value`, and all that stands in it, names included."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        return all(map(is_loadable, value))
    if isinstance(value, str):
        return not re.search("[\x00\ud800-\udfff]", value)
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or LEAST <= value <= MOST


@given(text=ANY_JSON)
def test_whatever_comes_can_be_loaded_and_is_unchanged_if_it_could_be(text: str) -> None:
    # Half of a surrogate pair may also come as bytes.
    value = decode_json(text.encode("utf-8", "surrogatepass"))

    assert is_loadable(value)
    # Python itself takes no integer of more digits.
    said = json.loads(text, parse_int=lambda digits: digits if len(digits) > 999 else int(digits))
    if is_loadable(said) and not re.search("[0-9]{999}", text):
        # As text: 1 and 1.0 are equal, and so are -0.0 and 0.
        assert json.dumps(value) == json.dumps(said)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"\\\\u0000"', "\\u0000"),
        # Names that come out the same lose neither value.
        ('{"\\u0000": 1, "\ufffd": 2}', {"\ufffd\ufffd": 1, "\ufffd": 2}),
        ('{"\\u0000": 1, "\\ud800": 2}', {"\ufffd": 1, "\ufffd\ufffd": 2}),
        ('[{"a": 18446744073709551616}]', [{"a": "18446744073709551616"}]),
        ("9" * 400 + ".5", "9" * 400 + ".5"),
    ],
)
def test_what_no_loader_can_take_is_kept_in_another_form(text: str, value: Any) -> None:
    assert decode_json(text.encode()) == value
