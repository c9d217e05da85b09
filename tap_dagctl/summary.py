"""The summary of a sync, by stream and project: rows, requests, seconds and errors."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

from tap_dagctl import timestamps
from tap_dagctl.errors import ConfigurationError, NoAccessError, RefusedError, TapError

_MAX_NAMES = 3
ENDED_EARLY = "the sync ended before it was read"


@dataclass(slots=True)
class Part:
    """One stream of one project, or a stream of the organization, which has no `project_id`.

    Its rows are read at `path`, from `started_at` to `ended_at` in nanoseconds since the epoch.
    Rows that had been sent before count as read, and each try as a request. `error` is why it was
    not read to its end; `failure` is the error behind that, unless the whole sync was ended.
    """

    stream: str
    project_id: str | None = None
    path: str = ""
    started_at: int = 0
    ended_at: int = 0
    rows_read: int = 0
    rows_sent: int = 0
    requests: int = 0
    error: str | None = ENDED_EARLY
    failure: TapError | None = None
    is_tolerated: bool = False

    @property
    def nanoseconds(self) -> int:
        return self.ended_at - self.started_at

    @property
    def title(self) -> str:
        return self.stream if self.project_id is None else f"{self.stream} of {self.project_id}"

    @property
    def is_refused(self) -> bool:
        return isinstance(self.failure, RefusedError)


class Summary:
    """The parts of a sync, in the order in which they began.

    The SDK ends a sync at the first stream that raises. Here a part that fails ends early and keeps
    its bookmark. At the end of the sync all errors are raised as one, and the exit code is 1.
    `is_hopeless` says that an error came that every further request would meet as well.
    """

    def __init__(self) -> None:
        self.projects = 0
        self.parts: list[Part] = []
        self.is_hopeless = False
        self._started, self._started_at = time.monotonic(), timestamps.now()

    def begin(self, stream: str, project_id: str | None) -> Part:
        self.parts.append(part := Part(stream, project_id, started_at=self._now()))
        return part

    def end(self, part: Part) -> None:
        part.ended_at = self._now()

    def fail(self, part: Part, error: TapError, *, is_tolerated: bool) -> None:
        """Keep the error of a part for the end, instead of raising it."""
        part.failure, part.error, part.is_tolerated = error, error.reason, is_tolerated
        self.is_hopeless |= isinstance(error, (ConfigurationError, NoAccessError))

    def _now(self) -> int:
        # The machine's clock may be set during the sync.
        seconds = time.monotonic() - self._started
        return self._started_at + int(seconds * timestamps.NANOSECONDS)

    def end_early(self, why: str) -> None:
        """End the parts that are not through, with the reason."""
        # The projects are gone through until everything below them has ended.
        for part in reversed(self.parts):
            if part.error == ENDED_EARLY:
                part.error = why
                self.end(part)

    def count(self, requests: Counter[str], rows: Counter[str]) -> None:
        """Take over, from those of each path, what each part has had, also if it has ended."""
        for part in self.parts:
            part.requests, part.rows_read = requests[part.path], rows[part.path]

    def raise_failures(self) -> None:
        """Raise a `TapError` with a line for each failure, if there are any."""
        failed = [part for part in self.parts if part.failure and not part.is_tolerated]
        if any(part.is_refused and part.stream == "projects" for part in failed):
            # Every other list is refused with it: one line is enough.
            failed = [part for part in failed if part.stream == "projects" or not part.is_refused]
        if failed:
            failed.sort(key=lambda part: part.ended_at)
            raise TapError("\n".join(dict.fromkeys(str(part.failure) for part in failed)))

    @property
    def streams(self) -> list[str]:
        return list(dict.fromkeys(part.stream for part in self.parts))

    def line(self, requests: int) -> str:
        """Return it in one line; `requests` are all, those that were not needed among them."""
        seconds = time.monotonic() - self._started
        rows = "; ".join(map(self._rows_of, self.streams))
        failures = [
            f"{verb}: {titles}"
            for verb, is_tolerated in (("failed", False), ("refused", True))
            if (titles := self._titles_of_failed(is_tolerated=is_tolerated))
        ]
        return (
            f"Synced {_counted(self.projects, 'project')} in {seconds:.1f} s with "
            f"{_counted(requests, 'request')}: {rows}; {'; '.join(failures) or 'nothing failed'}"
        )

    def tested(self) -> str:
        projects = _counted(self.projects, "project")
        return f"The account can be read: {projects}, {_counted(len(self.streams), 'stream')}"

    def _rows_of(self, stream: str) -> str:
        parts = [part for part in self.parts if part.stream == stream]
        read, sent = sum(part.rows_read for part in parts), sum(part.rows_sent for part in parts)
        return f"{stream} {read:,} read, {sent:,} sent"

    def _titles_of_failed(self, *, is_tolerated: bool) -> str:
        failed = [part for part in self.parts if part.error and part.is_tolerated == is_tolerated]
        more = len(failed) - _MAX_NAMES
        titles = ", ".join(part.title for part in failed[:_MAX_NAMES])
        return titles + (f" and {more:,} more" if more > 0 else "")


def _counted(number: int, name: str) -> str:
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"
