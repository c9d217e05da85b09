"""When and how often a failed request is tried again."""

from __future__ import annotations

import logging
import random
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from tap_dagctl.errors import AnswerError, RequestError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

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
        """Try `attempt` again while it raises a `PassingError` or an `AnswerError`.

        Args:
            what: what messages call it.
            attempt: sends the request once.
            is_wanted: whether another try still makes sense.
        """
        most = 1 if self._is_unreachable else self._most
        began, ceiling, tries = time.monotonic(), 1.0, 0
        while True:
            tries += 1
            while (wait := self._not_before - time.monotonic()) > 0:
                time.sleep(wait)
            try:
                result = attempt()
            except (PassingError, AnswerError) as error:
                # An answer that cannot be used may come from a proxy, and the next from the API.
                is_unreachable = isinstance(error, PassingError) and error.is_unreachable
                self._has_answered = self._has_answered or not is_unreachable
                limit = most if self._has_answered else min(most, FIRST_TRIES)
                is_late = not self._has_answered and time.monotonic() - began >= FIRST_SECONDS
                # Another thread may have waited for the server as long as one may.
                is_hopeless = is_late or (self._is_unreachable and is_unreachable)
                is_needed = is_wanted()
                if tries >= limit or is_hopeless or not is_needed:
                    if is_needed:
                        self._is_unreachable = is_unreachable
                    raise self._final_error(what, error, tries) from None
                wait = _wait_after(error, ceiling)
                ceiling = min(2 * ceiling, MAX_WAIT_SECONDS)
                if isinstance(error, PassingError) and error.is_limit:
                    # The other threads wait as well.
                    self._not_before = max(self._not_before, time.monotonic() + wait)
                shown = _UNUSABLE if isinstance(error, AnswerError) else error
                line = "%s: %s; try %d of %d, waiting %.1f s"
                logger.warning(line, what, shown, tries, limit, wait)
                time.sleep(wait)
            except RequestError:
                self._has_answered = True
                raise
            else:
                self._is_unreachable, self._has_answered = False, True
                return result

    def _final_error(self, what: str, error: PassingError | AnswerError, tries: int) -> TapError:
        counted = f"({tries} {'try' if tries == 1 else 'tries'})"
        if isinstance(error, AnswerError):
            return AnswerError(f"{error} {counted}")
        kind = RequestError if self._has_answered else UnreachableError
        return kind(f"{what}: {error} {counted}; {error.advice}", status=error.status)


def _wait_after(error: PassingError | AnswerError, ceiling: float) -> float:
    """Return how many seconds to wait; `Retry-After` makes a wait longer, never shorter."""
    wait = ceiling * random.uniform(0.5, 1)  # noqa: S311 - so that not all syncs ask at once
    asked = error.retry_after if isinstance(error, PassingError) else None
    return min(max(wait, asked or 0.0), MAX_WAIT_SECONDS)
