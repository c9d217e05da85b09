"""Points in time as the API writes them, and as the tap does.

The API writes RFC 3339 with 0 to 9 fractional digits, trailing zeros cut, and any offset (API
page, "Conventions"). Two such texts cannot be compared as strings: `…34.5Z` sorts before `…34Z`.
Inside the tap an instant is therefore an `int`, nanoseconds since 1970-01-01T00:00:00Z, exact and
ordered; what leaves the tap has one fixed width.
"""

from __future__ import annotations

import re
import sys
from datetime import date, datetime, timedelta, timezone
from typing import TypeGuard

NANOSECONDS = 1_000_000_000
TICK = 1_000
"""The finest step, in nanoseconds, the API is told: `render` writes microseconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# RFC 3339 allows a 61st second; no `datetime` can hold one.
_LEAP_SECOND = ":60"


_MICROSECOND = timedelta(microseconds=1)
_FIXED_WIDTH = len("2026-02-26T06:00:00.000000Z")
_SHORTEST, _LONGEST = len("2026-02-26T06:00:00.1Z"), len("2026-02-26T06:00:00.123456789Z")
# Every third letter of such a text, from the fifth to the twentieth.
_SEPARATORS = "--T::."
_fromisoformat = datetime.fromisoformat
_KNOWS_Z = sys.version_info >= (3, 11)


def parse(text: object) -> int:
    """Return the instant `text` names, in nanoseconds since the epoch.

    Raises:
        ValueError: `text` is not an RFC 3339 timestamp with an offset.
    """
    if not _is_usual(text):
        return _parse(text)
    instant = (_fromisoformat(text) - _EPOCH) // _MICROSECOND * 1_000
    # Of the fraction a `datetime` holds six digits.
    finer = text[_FIXED_WIDTH - 1 : -1]
    return instant + int(finer.ljust(3, "0")) if finer else instant


def _is_usual(text: object) -> TypeGuard[str]:
    """Whether `text` is written as the API usually does, UTC with a fraction, if it names a moment.

    Four of them stand in every row, so this is the quick way for nearly all. `fromisoformat` then
    checks that there is such a moment; it knows more forms than RFC 3339, which are left to
    `_parse`: weeks for months, hours without colons, hour 24, a comma.
    """
    return (
        _KNOWS_Z
        and isinstance(text, str)
        and text[4:20:3] == _SEPARATORS
        and text[-1] == "Z"
        and text[11:13] < "24"
        and _SHORTEST <= len(text) <= _LONGEST
    )


def _parse(text: object) -> int:
    match = _RFC_3339.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        msg = "not an RFC 3339 timestamp"
        raise ValueError(msg)
    day, clock, fraction, offset = match.groups()
    leap = clock.endswith(_LEAP_SECOND)
    if leap:
        clock = clock[:-2] + "59"
    zone = "+00:00" if offset in "Zz" else offset
    moment = datetime.fromisoformat(f"{day}T{clock}{zone}")
    since = moment - _EPOCH
    seconds = since.days * 86_400 + since.seconds + leap
    return seconds * NANOSECONDS + int((fraction or "").ljust(9, "0"))


def parse_setting(text: str) -> int:
    """Return the instant a person wrote: a timestamp, or a day, which begins at midnight UTC.

    A timestamp without an offset is UTC, as everywhere in the SDK. "From the beginning" may be
    written as the year 1, or "never" as 9999: what is beyond the years 3 to 9997 counts as their
    bounds, so that an overlap can be taken off.

    Raises:
        ValueError: `text` is neither.
    """
    text = text.strip()
    if _DAY.fullmatch(text):
        text = f"{text}T00:00:00Z"
    try:
        instant = parse(text)
    except ValueError:
        instant = parse(f"{text}Z")
    return min(max(instant, _EARLIEST), _LATEST)


def render(instant: int) -> str:
    """Return `instant` in the form every timestamp leaves the tap in.

    That is `2026-02-26T06:00:00.000000Z`: UTC, always six fractional digits (what DuckDB and
    PostgreSQL hold), finer digits cut, so that strings sort as the instants do.
    """
    microseconds = instant // 1_000
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def to_fixed_width(text: object) -> str:
    """Return an API timestamp in the form of `render`.

    Raises:
        ValueError: `text` is not an RFC 3339 timestamp, or lies outside the years 1 to 9999 in UTC.
    """
    if _is_usual(text):
        _fromisoformat(text)
        return text if len(text) == _FIXED_WIDTH else f"{text[:-1].ljust(26, '0')[:26]}Z"
    try:
        return render(_parse(text))
    except OverflowError as error:
        msg = "outside the years 1 to 9999"
        raise ValueError(msg) from error


def day_of(instant: int) -> date:
    """Return the UTC day `instant` lies in."""
    return (_EPOCH + timedelta(microseconds=instant // 1_000)).date()


def now() -> int:
    """Return this machine's clock, used only where the server did not tell its own."""
    since = datetime.now(tz=timezone.utc) - _EPOCH
    return (since // timedelta(microseconds=1)) * 1_000


_EARLIEST, _LATEST = (parse(f"{year}-01-01T00:00:00Z") for year in ("0003", "9998"))
