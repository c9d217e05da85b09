"""Points in time as the API writes them, and as the tap does.

The API writes RFC 3339 with 0 to 9 fractional digits, trailing zeros cut, and any offset (API
page, "Conventions"). Two such texts cannot be compared as strings: `…34.5Z` sorts before `…34Z`.
Inside the tap an instant is therefore an `int`, nanoseconds since 1970-01-01T00:00:00Z, exact and
ordered; what leaves the tap has one fixed width.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

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

_WIDTH = len("2026-02-26T06:00:00.000000Z")
_SHORTEST = len("2026-02-26T06:00:00Z")
_FINER = re.compile("[0-9]{1,3}")
_HOUR = slice(len("2026-02-26T06"))
# A text of fixed width with every digit made a nought, and where in it the tens of minutes and
# seconds stand.
_SHAPE = "0000-00-00T00:00:00.000000Z"
_NOUGHTS = str.maketrans("123456789", "0" * 9)
_TENS = (14, 17)


def parse(text: object) -> int:
    """Return the instant `text` names, in nanoseconds since the epoch.

    Raises:
        ValueError: `text` is not an RFC 3339 timestamp with an offset.
    """
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
    try:
        return render(parse(text))
    except OverflowError as error:
        msg = "outside the years 1 to 9999"
        raise ValueError(msg) from error


def to_fixed_width_each(texts: Sequence[str | None]) -> list[str | None]:
    """Return each of `texts` as `to_fixed_width` does, and None for None.

    Several stand in every row, and nearly all need no more than some noughts: looked at together
    they cost a fraction of what they cost one by one.

    Raises:
        ValueError: what `to_fixed_width` raises for one of them.
    """
    fixed = [text if text is None or len(text) == _WIDTH else _widened(text) for text in texts]
    if _are_fixed([text for text in fixed if text is not None]):
        return fixed
    return [None if text is None else to_fixed_width(text) for text in texts]


def _widened(text: str) -> str:
    """Return `text` with six digits after the point, if it is a timestamp and written in UTC."""
    if not text.endswith("Z"):
        return text
    if len(text) > _WIDTH:
        finer = text[_WIDTH - 1 : -1]
        return f"{text[: _WIDTH - 1]}Z" if _FINER.fullmatch(finer) else text
    if len(text) <= _SHORTEST + 1:  # no fraction, or a point without one
        return f"{text[:-1]}.000000Z"
    return f"{text[:-1]:0<26}Z"


def _are_fixed(texts: list[str]) -> bool:
    """Whether each of `texts` is what `render` writes for some instant."""
    joined = "".join(texts)
    if joined.translate(_NOUGHTS) != _SHAPE * len(texts):
        return False
    if any(joined[tens::_WIDTH].strip("012345") for tens in _TENS):
        return False
    try:
        for hour in {text[_HOUR] for text in texts}:
            datetime.fromisoformat(f"{hour}:00:00")
    except ValueError:
        return False
    return True


def exact(text: object) -> str:
    """Return an API timestamp in the form of `render`, with any digits beyond those behind them.

    Two such texts are the same if the instants are, and sort as they do to the microsecond.

    Raises:
        ValueError: as `to_fixed_width`.
    """
    fixed, finer = to_fixed_width(text), parse(text) % TICK
    return f"{fixed[:-1]}{finer:03}Z" if finer else fixed


def exact_each(texts: Sequence[str], fixed: Sequence[str]) -> Sequence[str]:
    """Return each of `texts` as `exact` does, given what `to_fixed_width_each` made of them."""
    if max(map(len, texts), default=0) <= _WIDTH:
        return fixed  # there is no room for a finer digit
    return [
        short if len(text) <= _WIDTH else exact(text)
        for text, short in zip(texts, fixed, strict=True)
    ]


def day_of(instant: int) -> date:
    """Return the UTC day `instant` lies in."""
    return (_EPOCH + timedelta(microseconds=instant // 1_000)).date()


def now() -> int:
    """Return this machine's clock, used only where the server did not tell its own."""
    since = datetime.now(tz=timezone.utc) - _EPOCH
    return (since // timedelta(microseconds=1)) * 1_000


_EARLIEST, _LATEST = (parse(f"{year}-01-01T00:00:00Z") for year in ("0003", "9998"))
