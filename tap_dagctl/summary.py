"""What a sync did, by stream and project: rows, requests, seconds, and what failed."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass

from tap_dagctl import timestamps

_MOST_NAMES = 3

ENDED_EARLY = "the sync ended before it was read"


@dataclass(slots=True)
class Part:
    """One stream of one project, or a stream of the organization.

    Attributes:
        project_id: None for a stream of the organization, and for the projects themselves.
        path: where its rows are read; empty where there can be no path.
        began, ended: by this machine's clock, in nanoseconds since the epoch.
        rows_read: rows in the answers, those among them that had been sent before.
        requests: each try counts.
        error: why it was not read to its end; None if it was.
        is_tolerated: whether `error` does not end the sync.
    """

    stream: str
    project_id: str | None = None
    path: str = ""
    began: int = 0
    ended: int = 0
    rows_read: int = 0
    rows_sent: int = 0
    requests: int = 0
    error: str | None = ENDED_EARLY
    is_tolerated: bool = False

    @property
    def nanoseconds(self) -> int:
        """The time it took."""
        return self.ended - self.began

    @property
    def title(self) -> str:
        """What messages call it."""
        return self.stream if self.project_id is None else f"{self.stream} of {self.project_id}"


class Traffic:
    """Counts the requests and the rows of each path; several threads may use it at a time."""

    def __init__(self) -> None:
        self.requests = 0
        self._lock = threading.Lock()
        self._by_path: defaultdict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))

    def count(self, path: str, *, requests: int = 0, rows: int = 0) -> None:
        """Count requests that were sent, or rows that were read."""
        with self._lock:
            self.requests += requests
            requests_before, rows_before = self._by_path[path]
            self._by_path[path] = (requests_before + requests, rows_before + rows)

    def of(self, path: str) -> tuple[int, int]:
        """Return the requests and rows of `path`."""
        with self._lock:
            return self._by_path.get(path, (0, 0))


class Summary:
    """What a sync did.

    Attributes:
        projects: how many projects are read.
        parts: every stream of every project that was begun, in order.
    """

    def __init__(self) -> None:
        self.projects = 0
        self.parts: list[Part] = []
        self._began, self._began_at = time.monotonic(), timestamps.now()

    def begin(self, stream: str, project_id: str | None, path: str) -> Part:
        """Return the part that begins now."""
        self.parts.append(part := Part(stream, project_id, path, self._now()))
        return part

    def end(self, part: Part) -> None:
        """Note when the part ended."""
        part.ended = self._now()

    def _now(self) -> int:
        # The machine's clock may be set while the sync goes on.
        return self._began_at + int((time.monotonic() - self._began) * timestamps.NANOSECONDS)

    def end_early(self, why: str) -> None:
        """End the parts that are not through, with the reason."""
        # The projects are gone through until everything below them has ended.
        for part in reversed(self.parts):
            if part.error == ENDED_EARLY:
                part.error = why
                self.end(part)

    def count(self, traffic: Traffic) -> None:
        """Take over what was asked for and came for each part, also after its end."""
        for part in self.parts:
            part.requests, part.rows_read = traffic.of(part.path)

    def forgive(self, project_id: str) -> None:
        """Forget what failed of a project that was deleted meanwhile."""
        for part in self.parts:
            if part.project_id == project_id:
                part.error = None

    @property
    def streams(self) -> list[str]:
        """The streams that were read."""
        return list(dict.fromkeys(part.stream for part in self.parts))

    def line(self, requests: int) -> str:
        """Return it in one line; `requests` are all, those that were not needed among them."""
        seconds = time.monotonic() - self._began
        rows = "; ".join(self._rows_of(stream) for stream in self.streams)
        return (
            f"Synced {_counted(self.projects, 'project')} in {seconds:.1f} s with "
            f"{_counted(requests, 'request')}: {rows}; {self._failures()}"
        )

    def tested(self) -> str:
        """Return what `--test` found out."""
        projects = _counted(self.projects, "project")
        return f"The account can be read: {projects}, {_counted(len(self.streams), 'stream')}"

    def _rows_of(self, stream: str) -> str:
        parts = [part for part in self.parts if part.stream == stream]
        read, sent = (sum(getattr(it, name) for it in parts) for name in ("rows_read", "rows_sent"))
        return f"{stream} {read:,} read, {sent:,} sent"

    def _failures(self) -> str:
        failed, refused = (
            [part.title for part in self.parts if part.error and part.is_tolerated is is_tolerated]
            for is_tolerated in (False, True)
        )
        told = [f"failed: {_some(failed)}"] * bool(failed)
        told += [f"refused: {_some(refused)}"] * bool(refused)
        return "; ".join(told) or "nothing failed"


def _some(titles: list[str]) -> str:
    more = len(titles) - _MOST_NAMES
    return ", ".join(titles[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def _counted(number: int, name: str) -> str:
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"
