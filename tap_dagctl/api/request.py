"""A request, a good answer to it, and how a list stands in that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from msgspec import Struct
from typing_extensions import override

from tap_dagctl.api.decoding import decode_json
from tap_dagctl.errors import AnswerError

LOST = "so rows would be lost; report it to dagctl"

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Answer:
    """A successful answer.

    `body` is a JSON object, or a list if the API answered with one. `server_time` is its `Date` in
    nanoseconds since the epoch. `asked_at` is the server's time when the request was sent, or up to
    a second before; if earlier answers imply a time more than a minute earlier, it is that time, so
    that one `Date` ahead of the others hides no change. `sent` and `received` are in seconds of
    this machine's monotonic clock.
    """

    body: Any
    server_time: int | None
    asked_at: int | None
    sent: float
    received: float


@dataclass(frozen=True)
class Request(ABC, Generic[T_co]):
    """A path and query below the base URL, and how to read the answer."""

    path: str
    params: Mapping[str, object] = field(default_factory=dict, kw_only=True)

    @property
    def identity(self) -> Hashable:
        """Equal for requests that ask for the same."""
        return self.path, tuple(self.params.items())

    def decode(self, content: bytes) -> object:
        return decode_json(content)

    @abstractmethod
    def read(self, answer: Answer) -> T_co:
        """Return the result, or raise an AnswerError; then the request is tried again."""


def count_of(answer: Answer, name: str) -> int | None:
    value = answer.body.get(name) if isinstance(answer.body, dict) else None
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else None


def rows_of(answer: Answer, rows_key: str, counted: int | None) -> list[Any]:
    """Return the rows of an answer, which stand under `rows_key` or are the whole answer.

    The vendor's own client tolerates a bare list (API page, "GET /projects"). Where `counted`, the
    answer's own count, is 0, a server written in Go may send null for the list, or leave it out.
    """
    body = answer.body
    rows = body.get(rows_key) if isinstance(body, dict) else body
    if rows is None and isinstance(body, dict):
        # Without a count, an answer that says anything else may be an error in disguise.
        is_empty = counted == 0 or (counted is None and body.keys() <= {rows_key})
        rows = [] if is_empty else None
    if not isinstance(rows, list) or not all(
        issubclass(kind, (dict, Struct)) for kind in set(map(type, rows))
    ):
        raise AnswerError(f"the answer has no list of {rows_key}; check api_url")
    return rows


@dataclass(frozen=True)
class KeyedRows(Request[list[dict[str, Any]]]):
    """Rows that come in one answer, each with a text under its key."""

    rows_key: str
    key: str = "id"

    @override
    def read(self, answer: Answer) -> list[dict[str, Any]]:
        rows = rows_of(answer, self.rows_key, count_of(answer, "total"))
        if not all(isinstance(row.get(self.key), str) and row[self.key] for row in rows):
            msg = f"a row has no {self.key}, so it cannot be loaded; report it to dagctl"
            raise AnswerError(msg)
        return rows


@dataclass(frozen=True)
class WholeList(KeyedRows):
    """A list that is documented to come whole in one answer."""

    @override
    def read(self, answer: Answer) -> list[dict[str, Any]]:
        rows, total = super().read(answer), count_of(answer, "total") or 0
        if total > len(rows):
            raise AnswerError(f"the answer has {len(rows)} of {total} {self.rows_key}, {LOST}")
        return rows
