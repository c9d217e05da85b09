"""What can go wrong that a user can do something about, and what failed while the rest went on.

Each error is one line that says what was wrong and what to do; the command line prints it and
exits 1.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from typing_extensions import Self

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

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

    @classmethod
    def of(cls, error: OSError) -> Self:
        """Return the error for an output that failed with `error`, with what to do about it."""
        if isinstance(error, BrokenPipeError):
            return cls(
                "The target stopped reading: its own messages say why; run the sync again, it goes "
                "on from the last state the target passed on"
            )
        return cls(
            f"The output cannot be written: {error.strerror}; mend that and run the sync again, it "
            "goes on from the last state that was stored"
        )


class Stopped(SystemExit):
    """A signal ended the sync; the exit code is 128 and its number, as a shell reports it."""

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signal_name = signal.Signals(signum).name


_OF_EVERY_REQUEST = (ConfigurationError, RejectedError, UnreachableError)


class Failures:
    """What failed for good during a sync, while the other streams and projects went on.

    The SDK ends a sync at the first stream that raises. Here a failed stream just ends early, its
    bookmark unmoved; the failures are told at the end, and make the exit code 1.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self._errors: list[TapError] = []

    @property
    def stopped(self) -> bool:
        """Whether something failed that every further request would meet as well."""
        return any(isinstance(error, _OF_EVERY_REQUEST) for error in self._errors)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Keep an error for the end instead of raising it."""
        try:
            yield
        except TapError as error:
            self._errors.append(error)

    @property
    def refused_projects(self) -> set[str]:
        """The projects of which the server refused a list."""
        return {
            error.project_id
            for error in self._errors
            if isinstance(error, RefusedListError) and error.project_id is not None
        }

    def forget_refused(self, projects: Collection[str]) -> None:
        """Forget that the server refused lists of `projects`."""
        self._errors = [
            error
            for error in self._errors
            if not isinstance(error, RefusedListError) or error.project_id not in projects
        ]

    def raise_all(self) -> None:
        """Raise what failed, a line for each failure, if anything did.

        Raises:
            TapError: naming every failure.
        """
        errors = self._errors
        if any(isinstance(error, RefusedError) for error in errors):
            # Where the account itself is refused, every list is, and that says why.
            errors = [error for error in errors if not isinstance(error, RefusedListError)]
        if errors:
            raise TapError("\n".join(dict.fromkeys(str(error) for error in errors)))
