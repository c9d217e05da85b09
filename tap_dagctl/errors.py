"""The errors that a user can do something about.

TapError
├── ConfigurationError    a setting, a catalog or a file cannot be used
├── StateError            nor can a state
├── OutputError           messages cannot be written
├── AnswerError           an answer cannot be loaded without losing data
└── RequestError          a request failed for good
    ├── NoAccessError     and so would every other
    └── RefusedError      and others may succeed
PassingError              another try may bring a good answer
Stopped                   a signal ended the sync

The message of a TapError is one line that says what is wrong and what to do. The command line
prints it and exits with 1.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass

from typing_extensions import Self, override

from tap_dagctl.redaction import redact

MAX_LETTERS = 200


def one_line(text: str) -> str:
    """Return a text that the tap did not write itself on one line, cut off at `MAX_LETTERS`."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(printable.split())
    return line if len(line) <= MAX_LETTERS else f"{line[:MAX_LETTERS]}…"


class TapError(Exception):
    """The sync cannot go on; secrets in the message are masked."""

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))

    @property
    def reason(self) -> str:
        """The error in one line that quotes no answer."""
        return one_line(str(self))


class ConfigurationError(TapError):
    """A setting is missing, or it or a file handed to the tap cannot be used."""


class StateError(TapError):
    """The state handed to the tap cannot be understood."""


class OutputError(TapError):
    """The tap's messages cannot be written."""

    @classmethod
    def of(cls, error: OSError) -> Self:
        if isinstance(error, BrokenPipeError):
            return cls(
                "The target stopped reading: its own messages say why; run the sync again, it goes "
                "on from the last state the target passed on"
            )
        return cls(
            f"The output cannot be written: {error.strerror}; mend that and run the sync again, it "
            "goes on from the last state that was stored"
        )


class AnswerError(TapError):
    """An answer cannot be loaded without losing data; another try may bring a better one."""


class RequestError(TapError):
    """A request failed for good, or used up its tries.

    `status` is that of the answer, if there was one and it was not 200.
    """

    def __init__(self, what: str, advice: str = "", *, status: int | None = None) -> None:
        super().__init__(f"{what}: {advice}" if advice else what)
        self.what, self.advice, self.status = what, advice, status

    @property
    @override
    def reason(self) -> str:
        # `what` may quote the answer.
        return super().reason if self.status is None else f"the server answered {self.status}"


class NoAccessError(RequestError):
    """No request can succeed: the server rejects the token, or cannot be reached."""


class RefusedError(RequestError):
    """The server refuses this request, and may answer others."""


@dataclass(eq=False)
class PassingError(Exception):
    """No good answer came, and another try may bring one.

    `advice` is for when no try succeeds, `retry_after` how many seconds the server asks to wait.
    """

    what: str
    advice: str
    status: int | None = None
    retry_after: float | None = None
    is_unreachable: bool = False

    @override
    def __str__(self) -> str:
        return self.what


class Stopped(SystemExit):
    """A signal ended the sync; the exit code is 128 plus its number, as shells have it."""

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signal_name = signal.Signals(signum).name
