"""Makes requests ahead, several at a time; the sync takes their answers in its own order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from tap_dagctl.api.request import Request

T = TypeVar("T")

THREAD_NAME = "prefetch"
# Below this wait, threads cost more time than they save.
WORTH_WAITING_SECONDS = 0.002


class Source(Protocol):
    """Answers requests, as `Client` does."""

    server_time: int | None
    waits: deque[float]

    def get(self, request: Request[T], is_wanted: Callable[[], bool] = ...) -> T: ...


def is_worthwhile(waits: Collection[float]) -> bool:
    """Return whether more than one connection saves time, after these waits for answers."""
    return bool(waits) and min(waits) > WORTH_WAITING_SECONDS


@dataclass
class _Fetching:
    """A request in progress, or its answer. It is not retried once it is no longer wanted."""

    # The number of the project whose first requests include it; None for a page of a walk.
    project: int | None
    answer: Future[Any] = field(default_factory=Future)
    is_wanted: bool = True


class Prefetch:
    """Replaces the client, and makes requests ahead if that saves time.

    It requests the next pages of a walk, and the first requests of the next streams and projects,
    each in its own thread. The threads are daemons, so that a program that must stop does not wait
    for an answer.
    """

    def __init__(self, client: Source, connections: int) -> None:
        self.client, self.connections = client, connections
        self._fetching: dict[Hashable, _Fetching] = {}
        # The number of the current project, from 1, and the first requests of the next projects.
        self._project = 0
        self._projects: dict[int, Iterable[Request[Any]]] = {}
        # The next requests to make ahead, each with the number of its project.
        self._planned: dict[Hashable, tuple[int, Request[Any]]] = {}

    def get(self, request: Request[T]) -> T:
        """Return the same as `Client.get`, perhaps from a request made ahead."""
        self._planned.pop(request.identity, None)
        fetching = self._fetching.pop(request.identity, None)
        if is_worthwhile(self.client.waits):
            # The caller makes one more itself.
            while len(self._fetching) < self.connections - 1 and (planned := self._take_planned()):
                self._fetch(*planned)
        result: T = fetching.answer.result() if fetching else self.client.get(request)
        return result

    def plan_pages(self, requests: Iterable[Request[Any]]) -> None:
        """Fetch these pages of a walk ahead, and no others."""
        planned = {request.identity: request for request in requests}
        self._drop(lambda key, project: project is None and key not in planned)
        for key, request in planned.items():
            if key not in self._fetching:
                self._fetch(None, request)

    def plan_projects(self, projects: Iterable[Iterable[Request[Any]]]) -> None:
        """Plan the first requests of each project; each iterable is read when its turn is near."""
        self._projects = dict(enumerate(projects, self._project + 1))

    def next_project(self) -> None:
        """Drop the plans of the current project, and begin the next one."""
        self._project += 1
        self._planned = {
            key: planned for key, planned in self._planned.items() if planned[0] >= self._project
        }
        self._drop(lambda _, project: project is not None and project < self._project)
        # Take them now: once the project has begun, they would be others.
        requests = self._projects.pop(self._project, ())
        if is_worthwhile(self.client.waits):
            self._plan(self._project, requests)

    def _take_planned(self) -> tuple[int, Request[Any]] | None:
        while not self._planned and self._projects:
            project = next(iter(self._projects))
            self._plan(project, self._projects.pop(project))
        return self._planned.pop(next(iter(self._planned))) if self._planned else None

    def _plan(self, project: int, requests: Iterable[Request[Any]]) -> None:
        self._planned.update((request.identity, (project, request)) for request in requests)

    def _drop(self, is_over: Callable[[Hashable, int | None], bool]) -> None:
        for key, fetching in list(self._fetching.items()):
            if is_over(key, fetching.project):
                self._fetching.pop(key).is_wanted = False

    def _fetch(self, project: int | None, request: Request[Any]) -> None:
        fetching = _Fetching(project)

        def run() -> None:
            try:
                fetching.answer.set_result(self.client.get(request, lambda: fetching.is_wanted))
            except BaseException as error:  # noqa: BLE001 - raised again by whoever takes it
                fetching.answer.set_exception(error)

        try:
            threading.Thread(target=run, name=THREAD_NAME, daemon=True).start()
        except RuntimeError:
            return  # no thread is available: the request is made in its turn
        self._fetching[request.identity] = fetching
