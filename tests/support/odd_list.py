"""A list on a server whose answers are odd, and a loader of what the tap sends of it."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from stand_in.server import reply_of
from stand_in.world import from_text, to_text
from tap_dagctl.api import prefetch
from tests.support import troubleshooting
from tests.support.in_process import sync

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from stand_in.server import Api, Reply, Request

    Answer = dict[str, Any]
    Answers = Callable[[Request, int], Answer]
    """Answers the request of that number, counted from 1 in each sync and project."""

PROJECT = "proj_a"


@dataclass
class Synced:
    """The rows that one sync sent, what it said, and its requests for the list, by project."""

    ids: list[str]
    warnings: list[str]
    requests: Counter[str]


class OddList:
    """A list of each project, how a server answers for it, and what a loader has of it.

    Attributes:
        connections: how many the tap may use; several are used however fast the server answers.
        loaded: the newest record of each row.
        sent: how often each version of a row was sent, by id and `updated_at`.
    """

    def __init__(
        self, api: Api, caplog: pytest.LogCaptureFixture, connections: int, stream: str = "runs"
    ) -> None:
        self.api, self.world, self._caplog = api, api.world, caplog
        self.stream = stream
        self.answers: Answers = self.true_answer
        self.connections = connections
        self.loaded: dict[str, dict[str, Any]] = {}
        self.sent: Counter[tuple[str, str]] = Counter()
        self.state: dict[str, Any] | None = None

    def true_answer(self, request: Request, _: int) -> Answer:
        """Answer as the API page says."""
        return self.api.answer(request)

    def fill(self, rows: int, project: str = PROJECT, *, ties: int = 1) -> None:
        """Put so many rows in a project, so many of them each second, the last an hour ago."""
        first = self.world.now
        for number in range(rows):
            stamp = to_text(first + timedelta(seconds=number // ties))
            row = {"id": f"{project}_{number:05}", "created_at": stamp, "updated_at": stamp}
            self.world.put(self.stream, project, row)
        self.world.advance(seconds=rows, hours=1)

    def sync(self, **settings: Any) -> Synced:
        """Sync once more, and take what comes."""
        numbers = {key: itertools.count(1) for key in self.world.projects}
        self.api.requests.clear()

        def misbehave(request: Request) -> Reply | None:
            if not request.path.endswith(f"/{self.stream}"):
                return None
            number = next(numbers[request.path.split("/")[-2]])
            return reply_of(self.answers(request, number), request)

        self.api.misbehave = misbehave
        worth = -1.0 if self.connections > 1 else prefetch.WORTH_WAITING_SECONDS
        self._caplog.clear()
        with patch.object(prefetch, "WORTH_WAITING_SECONDS", worth):
            pipe = sync(
                self.api, self.state, (self.stream,), max_connections=self.connections, **settings
            )
        logged = [it for it in self._caplog.records if it.name.startswith("tap-dagctl")]
        said = [it.getMessage() for it in logged if it.levelno >= logging.WARNING]
        troubleshooting.check(said)
        self.state = pipe.states[-1]
        rows = pipe.rows(self.stream)
        for row in rows:
            before = self.loaded.get(row["id"], row)
            assert before["updated_at"] <= row["updated_at"], f"sent as it was before: {row['id']}"
            self.loaded[row["id"]] = row
            self.sent[row["id"], row["updated_at"]] += 1
        paths = [it.path.split("/") for it in self.api.requests]
        requests = Counter(path[-2] for path in paths if path[-1] == self.stream)
        return Synced([row["id"] for row in rows], said, requests)

    @property
    def bookmark(self) -> timedelta | None:
        """How far the bookmark is behind the server's clock; None where there is none."""
        (part,) = (
            part
            for part in (self.state or {})["bookmarks"][self.stream]["partitions"]
            if part["context"]["project_id"] == PROJECT
        )
        text = part.get("replication_key_value")
        return None if text is None else self.world.now - from_text(text)

    @property
    def is_caught_up(self) -> bool:
        """Whether the bookmark is the server's clock when the sync began, which stood still."""
        return self.bookmark is not None and timedelta() <= self.bookmark < timedelta(minutes=1)

    @property
    def missing(self) -> set[str]:
        """The rows of which the loader does not hold the newest version."""
        return {
            row["id"]
            for project in self.world.projects
            for row in self.world.rows(self.stream, project)
            if row["id"] not in self.loaded
            or from_text(self.loaded[row["id"]]["updated_at"]) != from_text(row["updated_at"])
        }

    @property
    def repeated(self) -> set[str]:
        """The rows of which a version was sent more than once."""
        return {key for (key, _), times in self.sent.items() if times > 1}


def check_whole(runs: OddList, most: int, most_ahead: int) -> None:
    """Sync twice: every row comes, once, without a word, in so many requests at most.

    Args:
        runs: the list.
        most: requests of the first sync over one connection; an idle sync makes one.
        most_ahead: the same over four. Which page is asked for first is then a matter of chance.
    """
    first = runs.sync()
    said = [it for it in first.warnings if "is not in the schema" not in it]
    assert (len(runs.missing), len(runs.repeated), said) == (0, 0, [])
    assert runs.is_caught_up
    runs.world.advance(minutes=10)
    idle = runs.sync()
    assert (idle.ids, idle.warnings) == ([], [])
    assert first.requests[PROJECT] <= (most if runs.connections == 1 else most_ahead)
    assert idle.requests[PROJECT] == 1


def of_size(api: Api, request: Request, limit: int) -> Answer:
    """Return the answer in pages of `limit` rows, whatever the request says, without a word."""
    asked = int(request.params["limit"])
    answer = api.answer(replace(request, params={**request.params, "limit": str(limit)}))
    return {**answer, "limit": asked, "total_pages": -(-answer["total"] // asked)}
