"""When and how often a failed request is tried again."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from tap_dagctl.errors import AnswerError, NoAccessError, PassingError, RequestError

T = TypeVar("T")

MAX_WAIT_SECONDS = 120
"""Longest wait before another try, whatever `Retry-After` asks for."""

# Limits until the server has answered once. Four tries take 3.5 to 7 seconds: long enough for a
# network that is starting, and short enough that the tap does not seem to hang on a misspelt
# address.
FIRST_TRIES, FIRST_SECONDS = 4, 10.0
_TOO_BUSY = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_UNUSABLE = "the answer has not the documented shape"

logger = logging.getLogger("tap-dagctl.retries")


class Retries:
    """Tries failed requests of one client again, up to `most` times.

    If the server is too busy, the requests of all threads wait. If a request has used up its tries
    and the server was unreachable, each further request is tried only once until the server answers
    again. Otherwise each of fifty projects would wait for minutes.
    """

    def __init__(self, most: int) -> None:
        self._most, self._not_before = most, 0.0
        self._has_answered = self._is_unreachable = False

    def call(
        self, what: str, attempt: Callable[[], T], is_wanted: Callable[[], bool] = lambda: True
    ) -> T:
        """Call `attempt`, and call it again after an error that may pass, while it `is_wanted`."""
        most = 1 if self._is_unreachable else self._most
        started_at, ceiling, tries = time.monotonic(), 1.0, 0
        while True:
            tries += 1
            while (wait := self._not_before - time.monotonic()) > 0:
                time.sleep(wait)
            try:
                result = attempt()
            except (PassingError, AnswerError) as error:
                # An unusable answer may come from a proxy, and the next one from the API.
                is_unreachable = isinstance(error, PassingError) and error.is_unreachable
                if not is_unreachable:
                    self._has_answered = True
                limit = most if self._has_answered else min(most, FIRST_TRIES)
                is_late = not self._has_answered and time.monotonic() - started_at >= FIRST_SECONDS
                # Another thread may have used up its tries on the unreachable server.
                is_hopeless = is_late or (self._is_unreachable and is_unreachable)
                is_needed = is_wanted()
                if tries >= limit or is_hopeless or not is_needed:
                    if is_needed:
                        self._is_unreachable = is_unreachable
                    counted = f"({tries} {'try' if tries == 1 else 'tries'})"
                    if isinstance(error, AnswerError):
                        raise AnswerError(f"{what}: {error} {counted}") from None
                    kind = RequestError if self._has_answered else NoAccessError
                    line = f"{what}: {error} {counted}; {error.advice}"
                    raise kind(line, status=error.status) from None
                wait = self._wait_after(error, ceiling)
                ceiling = min(2 * ceiling, MAX_WAIT_SECONDS)
                shown = _UNUSABLE if isinstance(error, AnswerError) else error
                line = "%s: %s; try %d of %d, waiting %.1f s"
                logger.warning(line, what, shown, tries, limit, wait)
                time.sleep(wait)
            except RequestError as error:
                self._has_answered = True
                title = f"{what}: {error.what}"
                raise type(error)(title, error.advice, status=error.status) from None
            else:
                self._is_unreachable, self._has_answered = False, True
                return result

    def _wait_after(self, error: PassingError | AnswerError, ceiling: float) -> float:
        """Return how many seconds to wait; `Retry-After` makes a wait longer, never shorter."""
        wait = ceiling * random.uniform(0.5, 1)  # noqa: S311 - so that not all syncs ask at once
        if isinstance(error, PassingError):
            wait = min(max(wait, error.retry_after or 0), MAX_WAIT_SECONDS)
            if error.status in _TOO_BUSY:
                # The other threads wait, too.
                self._not_before = max(self._not_before, time.monotonic() + wait)
        return wait
