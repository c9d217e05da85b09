"""What failed for good during a sync, while the other streams and projects went on.

The SDK ends a sync at the first stream that raises. Here a failed stream just ends early, its
bookmark unmoved; the failures are told at the end, and make the exit code 1.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tap_dagctl.errors import ConfigurationError, RejectedError, TapError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Failures:
    """The failures of one sync."""

    def __init__(self) -> None:
        """Begin without any."""
        self._errors: list[TapError] = []

    @property
    def stopped(self) -> bool:
        """Whether something failed that every further request would meet as well."""
        return any(isinstance(error, (ConfigurationError, RejectedError)) for error in self._errors)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep an error for the end instead of raising it."""
        try:
            yield
        except TapError as error:
            self._errors.append(error)

    def tell(self) -> None:
        """Raise what failed, a line for each failure, if anything did.

        Raises:
            TapError: naming every failure.
        """
        if self._errors:
            raise TapError("\n".join(dict.fromkeys(str(error) for error in self._errors)))
