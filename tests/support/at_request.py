"""Does something at one moment of a sync."""

from __future__ import annotations

import os
import subprocess
from itertools import count
from typing import TYPE_CHECKING, Any

from stand_in.server import Reply
from tests.support.syncs import Output, arguments

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping
    from pathlib import Path

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
    *,
    catalog: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
) -> Output:
    """Run the program, and send it a signal before the answer to that request."""
    started: list[subprocess.Popen[str]] = []
    at_request(api, ending, number, lambda: started[0].send_signal(signum))
    with subprocess.Popen(
        arguments(directory, config, catalog=catalog),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=directory,
        env={**os.environ, **(environment or {})},
        text=True,
    ) as tap:
        started.append(tap)
        stdout, stderr = tap.communicate(timeout=120)
    api.misbehave = lambda _: None
    # What a killed program had half written never reaches a table.
    return Output.of(tap.returncode, stdout.rpartition("\n")[0], stderr)
