"""Trying again: when, how often, and all together."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, TypeVar

import backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from backoff.types import Details

T = TypeVar("T")

MAX_WAIT_SECONDS = 120
"""Longest wait before another try, whatever `Retry-After` asks for."""

FIRST_TRIES = 4
FIRST_SECONDS = 10.0
"""How often, and for how long, somebody is looked for who has never answered yet.

Enough for a machine that wakes up or a network that comes up late (four tries take 3.5 to 7 s), and
not so much that a misspelt address looks like a hanging program.
"""

logger = logging.getLogger("tap-dagctl.retries")


class PassingError(Exception):
    """Another try may succeed.

    Attributes:
        advice: what a person can do if none does.
        retry_after: seconds the server asks to wait.
        is_limit: whether the server has too much to do, with whatever is asked.
        is_unreachable: whether there is no server to be heard at all.
        tries: how often it has been tried, once no try is left.
    """

    def __init__(
        self,
        what: str,
        advice: str,
        *,
        retry_after: float | None = None,
        is_limit: bool = False,
        is_unreachable: bool = False,
    ) -> None:
        super().__init__(what)
        self.advice = advice
        self.retry_after = retry_after
        self.is_limit = is_limit
        self.is_unreachable = is_unreachable
        self.tries = 0


class Retries:
    """Tries again what may succeed then; all that share this wait together for a busy server.

    When something has failed for good because there was no server to be heard, nothing else waits
    for one as long again: each further call is tried once, until one of them is answered. Else an
    account of fifty projects would wait for hours where one had waited for minutes.

    As long as nobody has ever answered, nobody is waited for longer than `FIRST_TRIES` and
    `FIRST_SECONDS`: more often than not an address is wrong.

    Attributes:
        has_answered: whether anybody ever has, be it with an error.
    """

    def __init__(self, most: int) -> None:
        """Allow `most` tries of one thing before it fails."""
        self.has_answered = False
        self._most = most
        self._not_before = 0.0
        self._is_unreachable = False

    def call(
        self, what: str, attempt: Callable[[], T], is_wanted: Callable[[], bool] = lambda: True
    ) -> T:
        """Return what `attempt` returns, as soon as it does.

        Args:
            what: what messages call it.
            attempt: is tried again when it raises a `PassingError`.
            is_wanted: whether it is worth another try.

        Raises:
            PassingError: it was raised for as many tries as there may be.
        """
        most = 1 if self._is_unreachable else self._most
        began, tries = time.monotonic(), 0

        def in_turn() -> T:
            nonlocal tries
            while (wait := self._not_before - time.monotonic()) > 0:
                time.sleep(wait)
            tries += 1
            try:
                return attempt()
            except Exception as error:
                is_unreachable = isinstance(error, PassingError) and error.is_unreachable
                self.has_answered = self.has_answered or not is_unreachable
                raise

        def is_hopeless(error: Exception) -> bool:
            del error  # only a `PassingError` is asked about, and each has been looked at
            if not is_wanted():
                return True
            waited = time.monotonic() - began
            return not self.has_answered and (tries >= FIRST_TRIES or waited >= FIRST_SECONDS)

        def log_wait(details: Details) -> None:
            error, wait = details["exception"], details["wait"]
            if isinstance(error, PassingError) and error.is_limit:
                # Whoever else asks, on another connection, waits as well.
                self._not_before = max(self._not_before, time.monotonic() + wait)
            limit = most if self.has_answered else min(most, FIRST_TRIES)
            logger.warning(
                "%s: %s; try %d of %d, waiting %.1f s", what, error, details["tries"], limit, wait
            )

        def note_failure(details: Details) -> None:
            error = details["exception"]
            if isinstance(error, PassingError) and is_wanted():
                error.tries = details["tries"]
                self._is_unreachable = error.is_unreachable

        retrying = backoff.on_exception(
            _waits,
            PassingError,
            max_tries=most,
            giveup=is_hopeless,
            jitter=None,  # `_waits` has its own: `Retry-After` is a minimum, not to be shortened
            on_backoff=log_wait,
            on_giveup=note_failure,
            logger=None,
        )
        result = retrying(in_turn)()
        self._is_unreachable, self.has_answered = False, True
        return result


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
