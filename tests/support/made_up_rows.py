"""Rows as an API might send them, good and bad, for hypothesis."""

from __future__ import annotations

import json

from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=[])) | st.sampled_from(
    [
        *("\x00", "a\x00b", "\u2028", "é", "雪", "😀", '"\\/\b', "\ud83d", "\udc00 x", "\ufffd"),
        *("\\u0000", "\\\\u0000", "\\ud800", "NaN", "1e400"),
    ]
)
NUMBERS = (
    st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.1, -0.0, 5e-324, 1.7976931348623157e308, 1e16, 2**53 + 1, 1e-7])
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
LEAST, MOST = -(2**63), 2**63 - 1
_ODD_NUMBERS = st.sampled_from(
    [
        *map(str, (MOST, MOST + 1, LEAST, LEAST - 1, 2**64, 10**25)),
        *("9" * 400, "9" * 5_000, "-" + "9" * 5_000, "0." + "1" * 400, "1" * 400 + ".5"),
        *("-0", "-0.0", "1e30", "1e308", "1e309", "-1e999", "1e-999", "9223372036854775808.0"),
    ]
)
_WRITTEN = st.builds(json.dumps, TEXT, ensure_ascii=st.booleans())
ANY_JSON = st.recursive(
    (st.none() | st.booleans() | NUMBERS).map(json.dumps) | _ODD_NUMBERS | _WRITTEN,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(_WRITTEN, inner), max_size=3).map(
            lambda items: "{" + ",".join(f"{name}:{item}" for name, item in items) + "}"
        )
    ),
    max_leaves=6,
)
"""Texts of JSON, as not all that it allows is the writing of some value."""

TIMES = st.builds(
    lambda moment, digits, offset: f"{moment.isoformat(timespec='seconds')}{digits}{offset}",
    st.datetimes(),
    st.sampled_from(["", ".5", ".123456", ".123456789", ".000000", ".12", ".", ",5"]),
    st.sampled_from(["Z", "Z", "Z", "+05:30", "-08:00", "z", ""]),
)
FIELDS = {
    "job_name": TEXT,
    "duration_seconds": NUMBERS,
    "start_time": TIMES,
    "end_time": TIMES | VALUES,
    "status": VALUES,
    "pod_name": st.none() | TEXT,
    "project_id": VALUES,
    "additional_properties": VALUES,
}
ROWS = st.lists(
    st.builds(
        lambda known, unknown: unknown | known,
        st.fixed_dictionaries({}, optional=FIELDS),
        st.dictionaries(TEXT, VALUES, max_size=2),
    ),
    min_size=1,
    max_size=4,
)
