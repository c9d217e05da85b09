"""When and how often a failed request is tried again."""

from __future__ import annotations

import logging
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import backoff

from tap_dagctl.errors import AnswerError, RequestError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from backoff.types import Details

    from tap_dagctl.errors import TapError

T = TypeVar("T")

MAX_WAIT_SECONDS = 120
"""Longest wait before another try, whatever `Retry-After` asks for."""

FIRST_TRIES = 4
FIRST_SECONDS = 10.0
"""How often, and for how long, a request is tried before the server has ever answered.

Four tries take 3.5 to 7 seconds. A network that is just starting is up by then, and a misspelt
address does not look like a program that hangs.
"""

_TOO_MUCH = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_UNUSABLE = "the answer has not the documented shape"

logger = logging.getLogger("tap-dagctl.retries")


class PassingError(Exception):
    """No good answer came, and another try may bring one.

    Attributes:
        advice: what a person can do if no try succeeds.
        retry_after: seconds that the server asks to wait.
        is_unreachable: whether nothing at all came from a server.
        status: of the answer, if there was one and it was not 200.
    """

    def __init__(
        self,
        what: str,
        advice: str,
        *,
        retry_after: float | None = None,
        is_unreachable: bool = False,
        status: int | None = None,
    ) -> None:
        super().__init__(what)
        self.advice = advice
        self.retry_after = retry_after
        self.is_unreachable = is_unreachable
        self.status = status

    @property
    def is_limit(self) -> bool:
        """Whether the server is too busy for any request."""
        return self.status in _TOO_MUCH


# An answer that cannot be used may come from a proxy, and the next one from the API.
_TRIED_AGAIN = (PassingError, AnswerError)


class Retries:
    """Repeats the requests of one client that failed and may succeed later.

    When a server is too busy, the requests of all threads wait for it.

    When a request has used up its tries and the server was unreachable, each further request is
    tried once only, until the server answers again. Otherwise each of fifty projects would wait
    for minutes.

    Before the server's first answer a request is tried at most `FIRST_TRIES` times and for
    `FIRST_SECONDS`, because then its address is probably wrong.
    """

    def __init__(self, most: int) -> None:
        """Allow `most` tries of one request before it fails."""
        self._most = most
        self._not_before = 0.0
        self._has_answered = False
        self._is_unreachable = False

    def call(
        self, what: str, attempt: Callable[[], T], is_wanted: Callable[[], bool] = lambda: True
    ) -> T:
        """Return what `attempt` returns, as soon as it does.

        Args:
            what: what messages call it.
            attempt: is tried again when it raises a `PassingError` or an `AnswerError`.
            is_wanted: whether another try still makes sense.

        Raises:
            RequestError: `attempt` raised it, or its last try raised a `PassingError`.
            AnswerError: the last try raised it.
        """
        most = 1 if self._is_unreachable else self._most
        began, tries = time.monotonic(), 0

        def try_once() -> T:
            nonlocal tries
            while (wait := self._not_before - time.monotonic()) > 0:
                time.sleep(wait)
            tries += 1
            try:
                return attempt()
            except Exception as error:
                self._has_answered = self._has_answered or not _found_no_server(error)
                raise

        def is_hopeless(error: Exception) -> bool:
            # Another thread may have waited for the server as long as one may.
            if not is_wanted() or (self._is_unreachable and _found_no_server(error)):
                return True
            waited = time.monotonic() - began
            return not self._has_answered and (tries >= FIRST_TRIES or waited >= FIRST_SECONDS)

        def log_wait(details: Details) -> None:
            error, wait = details["exception"], details["wait"]
            if isinstance(error, PassingError) and error.is_limit:
                # The other threads wait as well.
                self._not_before = max(self._not_before, time.monotonic() + wait)
            limit = most if self._has_answered else min(most, FIRST_TRIES)
            shown = _UNUSABLE if isinstance(error, AnswerError) else error
            logger.warning("%s: %s; try %d of %d, waiting %.1f s", what, shown, tries, limit, wait)

        retrying = backoff.on_exception(
            _waits,
            _TRIED_AGAIN,
            max_tries=most,
            giveup=is_hopeless,
            jitter=None,  # `_waits` has its own: `Retry-After` is a minimum, not to be shortened
            on_backoff=log_wait,
            logger=None,
        )
        try:
            result = retrying(try_once)()
        except _TRIED_AGAIN as error:
            if is_wanted():
                self._is_unreachable = _found_no_server(error)
            raise self._final_error(what, error, tries) from None
        self._is_unreachable, self._has_answered = False, True
        return result

    def _final_error(self, what: str, error: PassingError | AnswerError, tries: int) -> TapError:
        """Return the error that a person reads when the last of `tries` ended in `error`."""
        counted = f"({tries} {'try' if tries == 1 else 'tries'})"
        if isinstance(error, AnswerError):
            return AnswerError(f"{error} {counted}")
        kind = RequestError if self._has_answered else UnreachableError
        return kind(f"{what}: {error} {counted}; {error.advice}", status=error.status)


def _found_no_server(error: Exception) -> bool:
    return isinstance(error, PassingError) and error.is_unreachable


def _waits() -> Generator[float, Any, None]:
    """Yield the seconds to wait before each further try, at most `MAX_WAIT_SECONDS`.

    The first wait takes 0.5 to 1 second, each later one twice as long; `Retry-After` makes a wait
    longer, never shorter.
    """
    jittered = backoff.expo(base=2, factor=1, max_value=MAX_WAIT_SECONDS)
    next(jittered)
    error = yield 0.0
    while True:
        ceiling = next(jittered) or 0.0
        wait = ceiling / 2 + backoff.full_jitter(ceiling / 2)
        asked = error.retry_after if isinstance(error, PassingError) else None
        error = yield min(max(wait, asked or 0.0), MAX_WAIT_SECONDS)
