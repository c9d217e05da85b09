"""What is asked for before its turn, several requests at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")

THREAD_NAME = "prefetch"

WORTH_WAITING_SECONDS = 0.002
"""What a server must make its client wait for each answer before more than one connection pays:
threads have their price, and an answer takes a few milliseconds to deal with."""


def pays(waits: Collection[float]) -> bool:
    """Whether more than one connection pays, after these waits for the latest answers."""
    return bool(waits) and min(waits) > WORTH_WAITING_SECONDS


class Fetching(Future[V]):
    """What is being fetched, or has been.

    Attributes:
        is_wanted: whether it still is: if not, another try makes no sense.
    """

    is_wanted = True


class Prefetch(Generic[K, V]):
    """What is planned, each fetched by a thread of its own.

    The threads are daemons: a program that is told to stop does not wait for an answer. What is
    held is what is planned, so its number bounds connections and memory alike.
    """

    def __init__(self, fetch: Callable[[K, Callable[[], bool]], V]) -> None:
        """Begin with nothing planned.

        Args:
            fetch: must be safe to call from several threads. Its second argument tells whether
                what is fetched is still wanted.
        """
        self._fetch = fetch
        self._planned: dict[K, Fetching[V]] = {}

    def plan(self, keys: Iterable[K]) -> None:
        """Fetch just these, those that are not planned yet from now on."""
        before, self._planned = self._planned, {}
        for key in keys:
            fetching = before.pop(key, None)
            if fetching is None:
                fetching = Fetching()
                threading.Thread(
                    target=self._run, args=(key, fetching), name=THREAD_NAME, daemon=True
                ).start()
            self._planned[key] = fetching
        for fetching in before.values():
            fetching.is_wanted = False

    def pop(self, key: K) -> Fetching[V] | None:
        """Return what is planned under `key`, from now on out of the plan; None if nothing is."""
        return self._planned.pop(key, None)

    def _run(self, key: K, fetching: Fetching[V]) -> None:
        try:
            fetching.set_result(self._fetch(key, lambda: fetching.is_wanted))
        except BaseException as error:  # noqa: BLE001 - it is raised again by whoever takes it
            fetching.set_exception(error)
