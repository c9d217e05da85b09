"""The first requests of the next streams and projects, made before their turn.

With hundreds of projects in which little happens, a sync is nothing but first requests. They are
known as soon as the projects are, so several are under way at the same time; the sync takes the
answers in its own order. A walk begins when its first page is asked for, so for exactness an early
request is just an early walk.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from tap_dagctl.pagination import prefetch
from tap_dagctl.pagination.prefetch import Prefetch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tap_dagctl.api.client import Client, Request

T = TypeVar("T")


@dataclass(frozen=True)
class _Opening:
    """A request that is planned; two of them are the same if they ask for the same."""

    path: str
    params: tuple[tuple[str, object], ...]
    request: Request[Any] = field(compare=False)
    turn: int = field(compare=False)

    @classmethod
    def of(cls, request: Request[Any], turn: int) -> _Opening:
        return cls(request.path, tuple(request.params.items()), request, turn)


class Openings:
    """Takes the place of the client, and asks ahead while that pays.

    Attributes:
        client: what makes the requests; for those that are made in other threads.
    """

    def __init__(self, client: Client, max_connections: int) -> None:
        """Begin with nothing planned.

        Args:
            client: what makes the requests.
            max_connections: the most requests under way at the same time.
        """
        self.client = client
        # One more is made by whoever asks.
        self._most = max_connections - 1
        self._prefetch: Prefetch[_Opening, Any] = Prefetch(
            lambda opening, is_wanted: client.get(opening.request, is_wanted)
        )
        self._turns: Iterator[Iterable[Request[Any]]] = iter(())
        self._turn = self._turns_taken = 0
        self._asked: set[_Opening] = set()
        # In the order of the sync: what is being fetched or has been, and what comes next.
        self._fetched: list[_Opening] = []
        self._next: deque[_Opening] = deque()

    def plan(self, turns: Iterable[Iterable[Request[Any]]]) -> None:
        """Take the requests that will be made, turn by turn; a turn is looked at when it is near.

        A request that is not made after all, or is made in another way, costs itself only.
        """
        self._turns, self._turn, self._turns_taken = iter(turns), 0, 0

    def begin_turn(self) -> None:
        """Begin the next turn; what was planned for those before it is not wanted any more."""
        self._turn += 1
        self._asked.clear()
        self._fetched = [opening for opening in self._fetched if opening.turn >= self._turn]
        self._next = deque(opening for opening in self._next if opening.turn >= self._turn)
        self._leave_out_turns_before(self._turn)
        if self._turns_taken < self._turn and prefetch.pays(self.client.waits):
            self._take_turn()

    def end(self) -> None:
        """Fetch nothing ahead any more."""
        self._turns = iter(())
        self._fetched.clear()
        self._next.clear()
        self._prefetch.plan(())

    def get(self, request: Request[T]) -> T:
        """Return what `request` reads from its answer, as `Client.get` does.

        Raises:
            RequestError: as there.
            AnswerError: as there.
        """
        asked = _Opening.of(request, self._turn)
        self._asked.add(asked)
        if asked in self._fetched:
            self._fetched.remove(asked)
        fetching = self._prefetch.pop(asked)
        self._fetch_ahead()
        result: T = fetching.result() if fetching else self.client.get(request)
        return result

    def _fetch_ahead(self) -> None:
        if prefetch.pays(self.client.waits):
            while len(self._fetched) < self._most and (opening := self._take_next()):
                self._fetched.append(opening)
        self._prefetch.plan(self._fetched)

    def _take_next(self) -> _Opening | None:
        while True:
            while self._next:
                opening = self._next.popleft()
                if opening not in self._asked:
                    return opening
            # What a turn begins with is not the same any more when it has begun.
            self._leave_out_turns_before(self._turn + 1)
            if not self._take_turn():
                return None

    def _leave_out_turns_before(self, turn: int) -> None:
        while self._turns_taken < turn - 1:
            next(self._turns, None)
            self._turns_taken += 1

    def _take_turn(self) -> bool:
        """Take the requests of the next turn; return whether there is one."""
        requests = next(self._turns, None)
        if requests is None:
            return False
        self._turns_taken += 1
        self._next.extend(_Opening.of(request, self._turns_taken) for request in requests)
        return True
