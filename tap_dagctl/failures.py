"""What failed for good during a sync, while the other streams and projects went on.

The SDK ends a sync at the first stream that raises. Here a failed stream just ends early, its
bookmark unmoved; the failures are told at the end, and make the exit code 1.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tap_dagctl.errors import (
    ConfigurationError,
    RefusedError,
    RefusedListError,
    RejectedError,
    TapError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_OF_EVERY_REQUEST = (ConfigurationError, RejectedError, UnreachableError)


class Failures:
    """The failures of one sync."""

    def __init__(self) -> None:
        """Begin without any."""
        self._errors: list[TapError] = []

    @property
    def stopped(self) -> bool:
        """Whether something failed that every further request would meet as well."""
        return any(isinstance(error, _OF_EVERY_REQUEST) for error in self._errors)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep an error for the end instead of raising it."""
        try:
            yield
        except TapError as error:
            self._errors.append(error)

    @property
    def refused_projects(self) -> set[str]:
        """The projects of which the server refused a list."""
        return {
            error.project_id
            for error in self._errors
            if isinstance(error, RefusedListError) and error.project_id is not None
        }

    def forget_refused(self, projects: Collection[str]) -> None:
        """Forget that the server refused lists of `projects`."""
        self._errors = [
            error
            for error in self._errors
            if not isinstance(error, RefusedListError) or error.project_id not in projects
        ]

    def tell(self) -> None:
        """Raise what failed, a line for each failure, if anything did.

        Raises:
            TapError: naming every failure.
        """
        errors = self._errors
        if any(isinstance(error, RefusedError) for error in errors):
            # Where the account itself is refused, every list is, and that says why.
            errors = [error for error in errors if not isinstance(error, RefusedListError)]
        if errors:
            raise TapError("\n".join(dict.fromkeys(str(error) for error in errors)))
