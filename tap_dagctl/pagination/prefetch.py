"""Requests made ahead of their turn, several at the same time, and taken in the sync's own order.

The next pages of a long walk are known, and so are the requests with which the next streams and
projects begin. A walk begins when its first page is asked for, so for exactness a request made
ahead is just a walk that began earlier.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable

    from tap_dagctl.api.client import Client, Request

T = TypeVar("T")

THREAD_NAME = "prefetch"

WORTH_WAITING_SECONDS = 0.002
"""The wait for each answer from which on more than one connection saves time: threads have their
price, and dealing with an answer takes a few milliseconds."""


def is_worthwhile(waits: Collection[float]) -> bool:
    """Return whether more than one connection saves time, after these waits for answers."""
    return bool(waits) and min(waits) > WORTH_WAITING_SECONDS


class _Fetching(Future[Any]):
    """A request under way, or its answer.

    Attributes:
        project: the number of the project it is made ahead for; None for the page of a walk.
        is_wanted: False once nobody waits for it: then it is not tried again.
    """

    def __init__(self, project: int | None) -> None:
        super().__init__()
        self.project = project
        self.is_wanted = True


class Prefetch:
    """Takes the place of the client, and makes requests ahead while that saves time.

    Each is made by a thread of its own. The threads are daemons: a program that is told to stop
    does not wait for an answer.

    Attributes:
        client: makes the requests.
    """

    def __init__(self, client: Client, max_connections: int) -> None:
        self.client = client
        # Whoever asks makes one more.
        self._most = max_connections - 1
        self._fetching: dict[Hashable, _Fetching] = {}
        self._made: set[Hashable] = set()
        # Of each project, from number 1 on; the one that is read, and the next to look at.
        self._projects: list[Iterable[Request[Any]]] = []
        self._project, self._next = 0, 1
        self._queue: deque[tuple[int, Request[Any]]] = deque()

    def get(self, request: Request[T]) -> T:
        """Return what `Client.get` does, which may have been asked for already.

        Raises:
            RequestError: as there.
            AnswerError: as there.
        """
        self._made.add(request.identity)
        fetching = self._fetching.pop(request.identity, None)
        if is_worthwhile(self.client.waits):
            while len(self._fetching) < self._most and (planned := self._take_planned()):
                self._fetch(*planned)
        result: T = fetching.result() if fetching else self.client.get(request)
        return result

    def plan_pages(self, requests: Iterable[Request[Any]]) -> None:
        """Fetch these pages of a walk ahead, and no others."""
        planned = {request.identity: request for request in requests}
        self._drop(
            key
            for key, fetching in self._fetching.items()
            if fetching.project is None and key not in planned
        )
        for key, request in planned.items():
            if key not in self._fetching:
                self._fetch(None, request)

    def plan_projects(self, projects: Iterable[Iterable[Request[Any]]]) -> None:
        """Plan the requests with which each project begins; they are looked at when it is near.

        A request that is not made after all costs itself only, and is dropped with its project.
        """
        self._projects, self._project, self._next = [(), *projects], 0, 1

    def begin_project(self) -> None:
        """Begin the next project, and drop what was planned for the one before it."""
        self._project += 1
        self._made.clear()
        self._queue = deque(planned for planned in self._queue if planned[0] >= self._project)
        self._drop(
            key
            for key, fetching in self._fetching.items()
            if fetching.project is not None and fetching.project < self._project
        )
        is_planned = self._next <= self._project < len(self._projects)
        if is_planned and is_worthwhile(self.client.waits):
            self._plan(self._project)

    def end(self) -> None:
        """Make no request ahead any more."""
        self._projects.clear()
        self._queue.clear()
        self._drop(iter(self._fetching))

    def _take_planned(self) -> tuple[int, Request[Any]] | None:
        while True:
            while self._queue:
                planned = self._queue.popleft()
                if planned[1].identity not in self._made:
                    return planned
            # A project that has begun would now begin with other requests.
            self._next = max(self._next, self._project + 1)
            if self._next >= len(self._projects):
                return None
            self._plan(self._next)

    def _plan(self, project: int) -> None:
        self._queue.extend((project, request) for request in self._projects[project])
        self._next = project + 1

    def _drop(self, keys: Iterable[Hashable]) -> None:
        for key in list(keys):
            self._fetching.pop(key).is_wanted = False

    def _fetch(self, project: int | None, request: Request[Any]) -> None:
        fetching = _Fetching(project)

        def run() -> None:
            try:
                fetching.set_result(self.client.get(request, lambda: fetching.is_wanted))
            except BaseException as error:  # noqa: BLE001 - raised again by whoever takes it
                fetching.set_exception(error)

        try:
            threading.Thread(target=run, name=THREAD_NAME, daemon=True).start()
        except RuntimeError:
            return  # no more threads can be had: the request is made in its turn
        self._fetching[request.identity] = fetching
