"""How the page and the messages write numbers, days, times and texts."""

from __future__ import annotations

import math
import re
from datetime import date, datetime

from report.warehouse import Row

NOTHING = "-"
_MINUTE = 60
_TWO_DAYS = 48
_LONGEST_TEXT = 300
# What colours and moves the text of a terminal: ESC and what belongs to it, or the one character
# that means "ESC [". A title or a link ends with BEL or "ESC \\".
_FOR_A_TERMINAL = re.compile(
    r"(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
# Control characters, those that end a line or turn the direction of the text after them, and halves
# of characters.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]+")


def plain(value: str) -> str:
    """Return a text without what only a terminal understands, and without control characters."""
    if value.isprintable():
        return value
    return _UNSEEN.sub(" ", _FOR_A_TERMINAL.sub("", value))


def text(value: str | None) -> str:
    """Write a text that may not be there, or may be a whole log."""
    value = plain(value or "").strip()
    if not value:
        return NOTHING
    return value if len(value) <= _LONGEST_TEXT else f"{value[:_LONGEST_TEXT]} …"


def duration(seconds: float | None) -> str:
    """Write seconds as people say them: 8.4 s, 12 min 5 s, 3 h 20 min, 4 d 2 h.

    Nothing takes less than no time or for ever, so that is called a fault.
    """
    if seconds is None:
        return NOTHING
    if not math.isfinite(seconds):
        return f"{seconds} (fault)"
    if is_fault(seconds):
        return f"-{duration(-seconds)} (fault)"
    if round(seconds, 1) < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, left = divmod(round(seconds), _MINUTE)
    hours, minutes = divmod(minutes, 60)
    if hours >= _TWO_DAYS:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s"


def is_fault(seconds: float | None) -> bool:
    """Say whether a duration is one that cannot be."""
    return seconds is not None and not 0 <= seconds < math.inf


def day(value: date) -> str:
    """Write a day so that nobody mistakes the month."""
    return f"{value.day} {value:%b %Y}"


def day_of_year(value: date) -> str:
    """Write a day of which the year is known."""
    return f"{value.day} {value:%b}"


def month(value: date) -> str:
    """Write a month."""
    return f"{value:%b %Y}"


def moment(value: datetime | None) -> str:
    """Write a moment, which is in UTC, to the minute."""
    return f"{day(value.date())}, {value:%H:%M}" if value else NOTHING


def window(row: Row) -> str:
    """Write the days a row's statistics are over."""
    return f"{day(row['start_date'])} to {day(row['end_date'])}"


def count(value: float | None) -> str:
    """Write a whole number with its thousands apart."""
    return NOTHING if value is None else f"{int(value):,}"


def share(value: float) -> str:
    """Write a share of one in percent."""
    return f"{100 * value:.1f} %"


def change(percent: float | None) -> str:
    """Write a change in percent, with its sign."""
    return NOTHING if percent is None else f"{percent:+.1f} %"
