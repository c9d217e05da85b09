"""What can go wrong that a user can do something about.

Each is one line that says what was wrong and what to do; the command line prints it and exits 1.
"""

from __future__ import annotations

import signal

MOST_LETTERS = 200
"""Letters shown of a text that came from elsewhere."""


def one_line(text: str) -> str:
    """Return `text`, which may come from anywhere, on one line and cut short."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(printable.split())
    return line if len(line) <= MOST_LETTERS else f"{line[:MOST_LETTERS]}…"


class TapError(Exception):
    """The sync cannot go on; the message is for a person."""


class ConfigurationError(TapError):
    """A setting is missing or cannot be used."""


class StateError(TapError):
    """The state handed to the tap cannot be understood."""


class RequestError(TapError):
    """A request failed for good, or was tried as often as `max_attempts` allows.

    Attributes:
        what: what failed.
        advice: what a person can do, where that is not said with it.
    """

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(f"{what}: {advice}" if advice else what)
        self.what = what
        self.advice = advice


class RejectedError(RequestError):
    """The token was rejected, as it would be for every further request."""


class UnreachableError(RequestError):
    """The API cannot be reached, and could not be for any further request."""


class RefusedError(RequestError):
    """The server refuses what was asked for, and may well answer other requests."""


class RefusedListError(RequestError):
    """The server refuses one list of an account that it knows.

    Attributes:
        project_id: the project whose list it is; None for one of the organization's.
    """

    def __init__(self, what: str, advice: str, project_id: str | None = None) -> None:
        super().__init__(what, advice)
        self.project_id = project_id


class AnswerError(TapError):
    """The API answered something that cannot be loaded without losing data."""


class OutputError(TapError):
    """What the tap sends cannot be written."""


class Stopped(SystemExit):
    """A signal ended the sync; the exit code is 128 and its number, as a shell reports it."""

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signal_name = signal.Signals(signum).name
