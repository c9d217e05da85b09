"""Pages of a long walk, fetched at the same time, before the walk needs them."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_dagctl.pagination.overlap import PageNumber
    from tap_dagctl.pagination.page import Page

    # The second argument tells whether the page is still wanted.
    Fetch = Callable[[PageNumber, Callable[[], bool]], Page]


THREAD_NAME = "page ahead"


@dataclass
class _Fetching:
    page: Future[Page] = field(default_factory=Future)
    is_wanted: bool = True


class Prefetch:
    """The pages that are planned, each fetched by a thread of its own.

    The threads are daemons: a program that is told to stop does not wait for an answer. What is
    held is what is planned, so its number of pages bounds connections and memory alike.
    """

    def __init__(self, fetch: Fetch) -> None:
        """Begin with nothing planned; `fetch` must be safe to call from several threads."""
        self._fetch = fetch
        self._planned: dict[PageNumber, _Fetching] = {}

    def plan(self, numbers: Iterable[PageNumber]) -> None:
        """Fetch just these pages, those that are not planned yet from now on."""
        before, self._planned = self._planned, {}
        for number in numbers:
            fetching = before.pop(number, None)
            if fetching is None:
                fetching = _Fetching()
                threading.Thread(
                    target=self._run, args=(number, fetching), name=THREAD_NAME, daemon=True
                ).start()
            self._planned[number] = fetching
        for fetching in before.values():
            fetching.is_wanted = False

    def take(self, number: PageNumber) -> Page | None:
        """Return a page as soon as it is there, or None where it is not planned.

        Raises:
            TapError: what fetching it raised.
        """
        fetching = self._planned.pop(number, None)
        return None if fetching is None else fetching.page.result()

    def _run(self, number: PageNumber, fetching: _Fetching) -> None:
        try:
            fetching.page.set_result(self._fetch(number, lambda: fetching.is_wanted))
        except BaseException as error:  # noqa: BLE001 - it is raised again by whoever takes the page
            fetching.page.set_exception(error)
