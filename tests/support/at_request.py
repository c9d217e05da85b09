"""Does something at one moment of a sync."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from stand_in.server import Api, Reply, Request
from tests.support.syncs import Output, ended, program


def at_request(api: Api, ending: str, number: int, action: Callable[[], Any]) -> None:
    """Do `action` once, before the answer to the request of that number whose path ends so."""
    # Requests are answered in threads: two that add to an integer at once may both see the same
    # sum, and `action` would be done twice. No two get the same number from `count`.
    numbers = count(1)

    def misbehave(request: Request) -> None:
        if request.path.endswith(ending) and next(numbers) == number:
            action()

    api.misbehave = misbehave


def instead(
    api: Api, ending: str | tuple[str, ...], reply: Reply | Callable[[Request], Reply]
) -> None:
    """Reply with this to each request whose path ends so."""
    made = reply if callable(reply) else lambda _: reply
    api.misbehave = lambda request: made(request) if request.path.endswith(ending) else None


def refuse(api: Api, statuses: Mapping[str, int]) -> None:
    """Answer each request whose path ends so with a status, and the others as ever."""

    def misbehave(request: Request) -> Reply | None:
        found = (it for ending, it in statuses.items() if request.path.endswith(ending))
        status = next(found, None)
        return Reply(status, b"{}") if status else None

    api.misbehave = misbehave


def signalled_at(
    api: Api,
    ending: str,
    number: int,
    signum: signal.Signals,
    directory: Path,
    config: dict[str, Any],
    **files: Any,
) -> Output:
    """Run the program, and send it a signal before the answer to that request."""
    with program(directory, config, **files) as tap:
        at_request(api, ending, number, lambda: tap.send_signal(signum))
        output = ended(tap)
    api.misbehave = lambda _: None
    return output
