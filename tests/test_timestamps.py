"""Points in time: whatever form comes in, one form goes out, and order is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tap_dagctl import timestamps

MOMENTS = st.datetimes(
    datetime(2, 1, 1),  # noqa: DTZ001 - the time zone comes with it
    datetime(9998, 12, 31),  # noqa: DTZ001
    timezones=st.just(timezone.utc),
)
OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59)
FRACTIONS = st.text("0123456789", max_size=9)


def written(moment: datetime, fraction: str, offset: int) -> str:
    local = moment.replace(microsecond=0, tzinfo=None) + timedelta(minutes=offset)
    sign, minutes = "-" if offset < 0 else "+", abs(offset)
    tail = f"{sign}{minutes // 60:02}:{minutes % 60:02}" if offset else "Z"
    return local.isoformat() + (f".{fraction}" if fraction else "") + tail


@given(MOMENTS, FRACTIONS, OFFSETS)
def test_an_instant_in_any_writing_is_one(moment: datetime, fraction: str, offset: int) -> None:
    whole = moment.replace(microsecond=0)
    seconds = (whole - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(seconds=1)
    instant = seconds * timestamps.NANOSECONDS + int(fraction.ljust(9, "0"))
    text = written(moment, fraction, offset)

    assert timestamps.parse(text) == instant
    assert timestamps.day_of(instant) == moment.date()
    digits = fraction.ljust(9, "0")
    assert timestamps.to_fixed_width(text) == written(moment, digits[:6], 0)
    assert timestamps.parse(timestamps.exact(text)) == instant
    assert timestamps.exact(text) == timestamps.exact(written(moment, digits, 0))


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
        ("2026-02-26t06:00:00z", "2026-02-26T06:00:00.000000Z"),
        ("2026-02-26 06:00:00-05:30", "2026-02-26T11:30:00.000000Z"),
    ],
)
def test_what_rfc_3339_allows_besides(text: str, rendered: str) -> None:
    assert timestamps.to_fixed_width(text) == rendered


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "2026-02-26", "2026-02-30T06:00:00Z", "2026-02-26T06:00:00.Z"),
        *("2026-02-26T06:00:00.1234567890Z", "2026-02-26T24:00:00Z", "٢٠٢٦-02-26T06:00:00Z"),
        *("0001-01-01T00:00:00+10:00", "2026-02-26T06:00:00Z\n"),
    ],
)
def test_what_is_no_timestamp_is_refused(text: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is for the caller to write
        timestamps.to_fixed_width(text)


USUAL = st.builds(written, MOMENTS, FRACTIONS, st.just(0))
COLUMNS = st.lists(USUAL, max_size=5) | st.lists(
    USUAL
    | st.builds(written, MOMENTS, FRACTIONS, OFFSETS)
    | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,10})?Z", fullmatch=True)
    | st.from_regex(r"2026-0[1-9]-[0-3]\dT[0-2]\d:[0-6]\d:[0-6]\d\.[0-9]{6}Z", fullmatch=True)
    | st.text(max_size=30),
    max_size=5,
)


def exact_each(texts: list[str]) -> object:
    rendered: list[str] = timestamps.to_fixed_width_each(texts)  # type: ignore[assignment]  # none is None
    return timestamps.exact_each(texts, rendered)


@pytest.mark.parametrize(
    ("each", "one"),
    [
        (timestamps.to_fixed_width_each, timestamps.to_fixed_width),
        (exact_each, timestamps.exact),
    ],
)
@settings(max_examples=500)
@given(texts=COLUMNS)
@example(texts=["2026-02-26T24:00:00.000000Z"])
@example(texts=["2026-02-26T23:60:00.000000Z"])
@example(texts=["2026-02-26T23:59:61.000000Z"])
def test_many_at_once_are_what_they_are_one_by_one(
    each: Callable[[list[str]], object], one: Callable[[str], str], texts: list[str]
) -> None:
    try:
        expected = list(map(one, texts))
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011 - as above
            each(texts)
    else:
        assert each(texts) == expected


def test_of_many_some_may_be_missing() -> None:
    texts = [None, "2026-02-26T06:00:00.5Z", None]

    assert timestamps.to_fixed_width_each(texts) == [None, "2026-02-26T06:00:00.500000Z", None]
