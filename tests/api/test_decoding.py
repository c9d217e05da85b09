"""Whatever JSON an answer holds, what is made of it can be loaded, and is else what it was."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_dagctl import schemas
from tap_dagctl.api.decoding import decode_json
from tap_dagctl.records.builder import RecordBuilder
from tap_dagctl.records.fast_path import RowReader
from tap_dagctl.records.record import as_dict

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST, MOST = -(2**63), 2**63 - 1
NUMBERS = st.sampled_from(
    [
        *map(str, (MOST, MOST + 1, LEAST, LEAST - 1, 2**64, 10**25)),
        *("9" * 400, "9" * 5_000, "-" + "9" * 5_000, "0." + "1" * 400, "1" * 400 + ".5"),
        *("-0", "-0.0", "1e30", "1e308", "1e309", "-1e999", "1e-999", "9223372036854775808.0"),
    ]
)
TEXTS = st.text(st.characters(exclude_categories=[])) | st.sampled_from(
    ["\x00", "a\x00b", "\ufffd", "\ud83d", "\udc00 x", "😀", "\\u0000", "\\\\u0000", "\\ud800"]
)
WRITTEN = st.builds(json.dumps, TEXTS, ensure_ascii=st.booleans())
# Texts of JSON, as not all that it allows is the writing of some value.
ANY_JSON = st.recursive(
    st.sampled_from(["null", "true", "false"])
    | st.integers().map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(json.dumps)
    | NUMBERS
    | WRITTEN,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(WRITTEN, inner), max_size=3).map(
            lambda items: "{" + ",".join(f"{name}:{item}" for name, item in items) + "}"
        )
    ),
    max_leaves=6,
)
PLANS = RowReader("plans", schemas.PLANS, RecordBuilder("plans", schemas.PLANS).record)


def within(value: Any) -> Iterator[Any]:
    """Yield `value` and all that stands in it, names included."""
    yield value
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from within(item)
    elif isinstance(value, list):
        for item in value:
            yield from within(item)


def is_loadable(value: Any) -> bool:
    """Whether every loader can take `value`, apart from what may stand in it."""
    if isinstance(value, str):
        return not re.search("[\x00\ud800-\udfff]", value)
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or LEAST <= value <= MOST


def written(text: str) -> bytes:
    # Half of a surrogate pair may also come as bytes.
    return text.encode("utf-8", "surrogatepass")


@given(text=ANY_JSON)
def test_whatever_comes_can_be_loaded_and_is_unchanged_if_it_could_be(text: str) -> None:
    value = decode_json(written(text))

    assert all(map(is_loadable, within(value)))
    # Python itself takes no integer of more digits.
    said = json.loads(text, parse_int=lambda digits: digits if len(digits) > 999 else int(digits))
    if all(map(is_loadable, within(said))) and not re.search("[0-9]{999}", text):
        # As text: 1 and 1.0 are equal, and so are -0.0 and 0.
        assert json.dumps(value) == json.dumps(said)


@given(
    text=ANY_JSON,
    field=st.sampled_from(["plan_output", "commits_behind", "status", "queue"]),
    total=st.just("1") | ANY_JSON,
)
def test_the_rows_of_a_page_are_what_they_are_alone(text: str, field: str, total: str) -> None:
    if field == "plan_output":
        text = f'{{"a": {text}}}'
    row = f'{{"id": "plan", "updated_at": "2026-03-02T05:00:00Z", "{field}": {text}}}'
    body: Any = PLANS.decode(written(f'{{"plans": [{row}], "total": {total}}}'))
    (record,) = (record for _, _, record in PLANS.read(body["plans"], {}))
    alone: Any = decode_json(written(row))
    expected = RecordBuilder("plans", schemas.PLANS).build([alone], {})

    assert all(map(is_loadable, within(as_dict(record))))
    assert all(map(is_loadable, within(body["total"])))
    assert json.dumps([as_dict(record)], sort_keys=True) == json.dumps(expected, sort_keys=True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"a\\u0000b"', "a\ufffdb"),
        ('"\\\\u0000"', "\\u0000"),
        # Names that come out the same lose neither value.
        ('{"\\u0000": 1, "\ufffd": 2}', {"\ufffd\ufffd": 1, "\ufffd": 2}),
        ('{"\\u0000": 1, "\\ud800": 2}', {"\ufffd": 1, "\ufffd\ufffd": 2}),
        ("9223372036854775808", "9223372036854775808"),
        ('[{"a": 18446744073709551616}]', [{"a": "18446744073709551616"}]),
        ("9" * 5_000, "9" * 5_000),
        ("9" * 400 + ".5", "9" * 400 + ".5"),
    ],
)
def test_what_no_loader_can_take_is_kept_in_another_form(text: str, value: Any) -> None:
    assert decode_json(text.encode()) == value
