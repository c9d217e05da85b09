"""Points in time as the API writes them, and as the tap does.

The API writes RFC 3339 with 0 to 9 fractional digits, trailing zeros cut, and any offset (API
page, "Conventions"). Two such texts cannot be compared as strings: `…34.5Z` sorts before `…34Z`.
Inside the tap an instant is therefore an `int`, nanoseconds since 1970-01-01T00:00:00Z, which is
exact and can be compared. In records every timestamp has the same width.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta, timezone

import msgspec

# In nanoseconds. A tick is the finest step that `render` writes.
TICK, NANOSECONDS = 1_000, 1_000_000_000
DAY = 86_400 * NANOSECONDS

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# Hours up to 23 only: from Python 3.14 on `datetime` takes 24:00:00 for the next day's midnight.
_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ]((?:[01]\d|2[0-3]):\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)
_NO_TIMESTAMP = "not an RFC 3339 timestamp"
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

_WIDTH = len("2026-02-26T06:00:00.000000Z")
_IN_UTC = re.compile(r"([^.]*)(?:\.([0-9]{1,9}))?Z")
# Texts that `render` writes, after each digit is replaced by a zero.
_SHAPE = "0000-00-00T00:00:00.000000Z"
_TO_ZERO = str.maketrans("123456789", "0" * 9)


class Instant(int):
    """Nanoseconds since the epoch, which the state shows as a timestamp."""


def parse(text: object) -> int:
    """Return the instant that an RFC 3339 timestamp names, or raise a ValueError."""
    match = _RFC_3339.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(_NO_TIMESTAMP)
    day, clock, fraction, offset = match.groups()
    # RFC 3339 allows a 61st second, and `datetime` does not.
    if leap := clock.endswith(":60"):
        clock = clock[:-2] + "59"
    zone = "+00:00" if offset in "Zz" else offset
    try:
        since = datetime.fromisoformat(f"{day}T{clock}{zone}") - _EPOCH
    except ValueError:
        # Like the 30th of February, which each Python puts into other words.
        raise ValueError(_NO_TIMESTAMP) from None
    seconds = since.days * 86_400 + since.seconds + leap
    return seconds * NANOSECONDS + int((fraction or "").ljust(9, "0"))


def parse_setting(text: str) -> int:
    """Return the instant that a person wrote, as a timestamp or a day, or raise a ValueError.

    A day means its midnight in UTC. A timestamp without an offset is in UTC, as everywhere in the
    SDK. People write the year 1 for "from the beginning" and 9999 for "never": an instant before
    the year 3 or after 9997 is moved to that bound, so that an overlap can be subtracted from it.
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
    """Return `instant` as records and requests write it, like `2026-02-26T06:00:00.000000Z`.

    It is in UTC and always has six fractional digits, as many as DuckDB and PostgreSQL hold;
    further digits are cut off. Such texts sort as their instants do.
    """
    moment = _EPOCH + timedelta(microseconds=instant // TICK)
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def render_optional(instant: int | None) -> str | None:
    return None if instant is None else render(instant)


def to_fixed_width(text: object) -> str:
    """Return an API timestamp in the form of `render`, or raise a ValueError."""
    try:
        return render(parse(text))
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999") from error


def to_fixed_width_each(texts: Sequence[str | None]) -> list[str | None]:
    """Return `to_fixed_width` of each of `texts`, and None for None.

    Nearly all timestamps are in UTC already and at most lack some zeros. To add these and check all
    texts at once takes a fraction of the time that a call for each takes.
    """
    fixed = [text if text is None or len(text) == _WIDTH else _resized(text) for text in texts]
    given = [text for text in fixed if text is not None]
    if "".join(given).translate(_TO_ZERO) == _SHAPE * len(given):
        # A text of the right shape can still hold a number that is too large.
        with suppress(msgspec.ValidationError):
            msgspec.convert(given, list[datetime])
            return fixed
    return [None if text is None else to_fixed_width(text) for text in texts]


def _resized(text: str) -> str:
    """Return a timestamp in UTC with six fractional digits; any other text stays wrong."""
    match = _IN_UTC.fullmatch(text)
    return f"{match[1]}.{match[2] or '':0<6.6}Z" if match else text


def exact(text: object) -> str:
    """Return `to_fixed_width`, with three more digits if the timestamp has them.

    Two such texts are equal exactly if their instants are. They sort as their instants do, except
    within one microsecond.
    """
    fixed, finer = to_fixed_width(text), parse(text) % TICK
    return f"{fixed[:-1]}{finer:03}Z" if finer else fixed


def exact_each(texts: Sequence[str], fixed: Sequence[str]) -> Sequence[str]:
    """Return `exact` of each of `texts`; `fixed` is `to_fixed_width_each` of them."""
    if max(map(len, texts), default=0) <= _WIDTH:
        return fixed  # none has more than six fractional digits
    pairs = zip(texts, fixed, strict=True)
    return [short if len(text) <= _WIDTH else exact(text) for text, short in pairs]


def day_of(instant: int) -> date:
    return (_EPOCH + timedelta(microseconds=instant // TICK)).date()


def now() -> int:
    """Return this machine's time, for where the server did not send its own."""
    since = datetime.now(tz=timezone.utc) - _EPOCH
    return since // timedelta(microseconds=1) * TICK


_EARLIEST, _LATEST = (parse(f"{year}-01-01T00:00:00Z") for year in ("0003", "9998"))
