"""Trying again: when, how often, and all together."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, TypeVar

import backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from backoff.types import Details

    from tap_dagctl.errors import AnswerError

T = TypeVar("T")

MAX_WAIT_SECONDS = 120
"""Longest wait before another try, whatever `Retry-After` asks for."""

logger = logging.getLogger("tap-dagctl.retries")


class PassingError(Exception):
    """Another try may succeed.

    Attributes:
        retry_after: seconds the server asks to wait.
        is_limit: whether the server has too much to do, with whatever is asked.
        final: what to raise when no try is left, where the error has its own words.
    """

    def __init__(
        self,
        what: str,
        retry_after: float | None = None,
        *,
        is_limit: bool = False,
        final: AnswerError | None = None,
    ) -> None:
        super().__init__(what)
        self.retry_after = retry_after
        self.is_limit = is_limit
        self.final = final


class Retries:
    """Tries again what may succeed then; all that share this wait together for a busy server.

    Attributes:
        most: tries of one thing before it fails.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._not_before = 0.0

    def call(self, what: str, attempt: Callable[[], T]) -> T:
        """Return what `attempt` returns, as soon as it does.

        Args:
            what: what messages call it.
            attempt: is tried again when it raises a `PassingError`.

        Raises:
            PassingError: it was raised `most` times.
        """

        def in_turn() -> T:
            time.sleep(max(0.0, self._not_before - time.monotonic()))
            return attempt()

        def told(details: Details) -> None:
            error, wait = details["exception"], details["wait"]
            if isinstance(error, PassingError) and error.is_limit:
                # Whoever else asks, on another connection, waits as well.
                self._not_before = time.monotonic() + wait
            logger.warning(
                "%s: %s; try %d of %d, waiting %.1f s",
                what,
                error,
                details["tries"],
                self.most,
                wait,
            )

        retrying = backoff.on_exception(
            _waits,
            PassingError,
            max_tries=self.most,
            jitter=None,  # `_waits` has its own: `Retry-After` is a minimum, not to be shortened
            on_backoff=told,
            on_giveup=None,
            logger=None,
        )
        return retrying(in_turn)()


def _waits() -> Generator[float, Any, None]:
    """Seconds before each further try: 0.5 to 1, then twice that, and so on up to the bound.

    A server that says when to come back is obeyed, up to the same bound.
    """
    jittered = backoff.expo(base=2, factor=1, max_value=MAX_WAIT_SECONDS)
    next(jittered)
    error = yield 0.0
    while True:
        ceiling = next(jittered) or 0.0
        wait = ceiling / 2 + backoff.full_jitter(ceiling / 2)
        asked = error.retry_after if isinstance(error, PassingError) else None
        error = yield min(max(wait, asked or 0.0), MAX_WAIT_SECONDS)
