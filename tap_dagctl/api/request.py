"""A request, and a good answer to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from tap_dagctl.api.decoding import decode_json

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Answer:
    """One good answer.

    `body` is a JSON object, or the list where the API answered a bare one. `server_time` is its
    `Date` in nanoseconds since the epoch, `asked_at` the server's clock when the request was sent,
    or up to a second earlier. Where an earlier answer says that it was more than a minute earlier,
    that counts: one `Date` that is ahead must not hide what changes meanwhile. `sent` and
    `received` are by this machine's monotonic clock, in seconds.
    """

    body: Any
    server_time: int | None
    asked_at: int | None
    sent: float
    received: float


@dataclass(frozen=True)
class Request(ABC, Generic[T_co]):
    """A path and query below the base URL, and how the answer is read."""

    path: str
    params: Mapping[str, object] = field(default_factory=dict, kw_only=True)

    @property
    def identity(self) -> Hashable:
        """The same for two requests that ask for the same."""
        return self.path, tuple(self.params.items())

    def decode(self, content: bytes) -> object:
        return decode_json(content)

    @abstractmethod
    def read(self, answer: Answer) -> T_co:
        """Return what was asked for, or raise an AnswerError: another try may bring it."""
