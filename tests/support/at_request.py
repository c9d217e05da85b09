"""Does something at one moment of a sync."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from stand_in.server import Api, Request


def at_request(api: Api, ending: str, number: int, action: Callable[[], Any]) -> None:
    """Do `action` once, before the answer to the request of that number whose path ends so."""
    # Requests are answered in threads: two that add to an integer at once may both see the same
    # sum, and `action` would be done twice. No two get the same number from `count`.
    numbers = count(1)

    def misbehave(request: Request) -> None:
        if request.path.endswith(ending) and next(numbers) == number:
            action()

    api.misbehave = misbehave
