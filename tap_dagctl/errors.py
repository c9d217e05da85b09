"""The errors that a user can do something about, and a sync's list of what has failed so far.

The message of an error is one line that says what is wrong and what to do. The command line prints
it and exits with 1.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from typing_extensions import Self, override

from tap_dagctl.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Collection

MOST_LETTERS = 200
"""The most that a message shows of a text which the tap did not write itself."""


def one_line(text: str) -> str:
    """Return any text on one line, cut off after `MOST_LETTERS`."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(printable.split())
    return line if len(line) <= MOST_LETTERS else f"{line[:MOST_LETTERS]}…"


class TapError(Exception):
    """The sync cannot go on; the message is for a person, and shows no secret."""

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))

    @property
    def reason(self) -> str:
        """What failed, in one line that holds nothing of an answer."""
        return one_line(str(self))


class ConfigurationError(TapError):
    """A setting is missing or cannot be used."""


class StateError(TapError):
    """The state handed to the tap cannot be understood."""


class RequestError(TapError):
    """A request failed in a way that no further try can mend, or used up its tries.

    Attributes:
        what: what failed.
        advice: what a person can do, unless `what` says that as well.
        status: of the answer, if there was one and it was not 200.
    """

    def __init__(self, what: str, advice: str = "", *, status: int | None = None) -> None:
        super().__init__(f"{what}: {advice}" if advice else what)
        self.what = what
        self.advice = advice
        self.status = status

    @property
    @override
    def reason(self) -> str:
        # `what` may quote the answer.
        return super().reason if self.status is None else f"the server answered {self.status}"


class RejectedError(RequestError):
    """The server rejects the token, and would for every further request."""


class UnreachableError(RequestError):
    """The server cannot be reached, and could not be for any further request."""


class RefusedError(RequestError):
    """The server refuses this request, and may answer others."""


class RefusedListError(RequestError):
    """The server refuses one list, and knows the account."""


class RefusedProjectListError(RefusedListError):
    """The list is of one project."""

    def __init__(
        self, what: str, advice: str, *, status: int | None = None, project_id: str
    ) -> None:
        super().__init__(what, advice, status=status)
        self.project_id = project_id


class AnswerError(TapError):
    """An answer cannot be loaded without losing data; another try may bring a better one."""


class OutputError(TapError):
    """The tap's messages cannot be written."""

    @classmethod
    def of(cls, error: OSError) -> Self:
        """Return the error for a failed write."""
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
    """A signal ended the sync; the exit code is 128 plus its number, as shells have it."""

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signal_name = signal.Signals(signum).name


_OF_EVERY_REQUEST = (ConfigurationError, RejectedError, UnreachableError)


class Failures:
    """The errors of a sync, each of which ended one stream or project and not the rest.

    The SDK ends a sync at the first stream that raises. Here a failed stream ends early and keeps
    its bookmark. At the end of the sync all errors are raised as one, and the exit code is 1.
    """

    def __init__(self) -> None:
        self._errors: list[TapError] = []

    @property
    def stopped(self) -> bool:
        """Whether there is an error that every further request would meet as well."""
        return any(isinstance(error, _OF_EVERY_REQUEST) for error in self._errors)

    def add(self, error: TapError) -> None:
        """Keep an error for the end, instead of raising it."""
        self._errors.append(error)

    @property
    def of_refused_projects(self) -> list[RefusedProjectListError]:
        """Those of lists that were refused for one project."""
        return [error for error in self._errors if isinstance(error, RefusedProjectListError)]

    def forget(self, errors: Collection[TapError]) -> None:
        """Let `errors` not be raised."""
        forgotten = set(errors)
        self._errors = [error for error in self._errors if error not in forgotten]

    @property
    def is_account_refused(self) -> bool:
        """Whether the server refuses everything."""
        return any(isinstance(error, RefusedError) for error in self._errors)

    def raise_all(self) -> None:
        """Raise a `TapError` with a line for each error, if there are any."""
        errors = self._errors
        if self.is_account_refused:
            # Every list is refused with it: one line is enough.
            errors = [error for error in errors if not isinstance(error, RefusedListError)]
        if errors:
            raise TapError("\n".join(dict.fromkeys(str(error) for error in errors)))
