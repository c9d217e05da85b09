"""What every place for states does."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from orchestrate.errors import OrchestrateError
from orchestrate.states import State
from tap_dagctl.errors import one_line

VARIABLE = "STATE_BACKEND_URI"


class StateBackend(Protocol):
    """The states under one state id, in parts."""

    def names(self) -> set[str]:
        """Return the names of all parts."""

    def read(self, names: Collection[str]) -> dict[str, State]:
        """Return those of the parts that there are."""

    def save(self, changed: Mapping[str, State | None]) -> None:
        """Write parts; None takes one away."""

    def try_lock(self, names: Collection[str]) -> bool:
        """Lock all these parts, or none where a process holds one of them."""

    def check_locks(self) -> None:
        """See that the locks are still there.

        Raises:
            OrchestrateError: they may be gone.
        """

    @property
    def descriptors(self) -> Sequence[int]:
        """What a process must inherit to hold the locks."""

    def close(self) -> None:
        """Give the locks back, for this process."""


def encoded(state: State) -> str:
    """Return a state as text that any store takes."""
    return json.dumps(state)


def decoded(text: bytes | str, where: str) -> State:
    """Return the state that `encoded` made a text of.

    Raises:
        OrchestrateError: somebody else wrote that.
    """
    try:
        state: Any = json.loads(text)
    except ValueError:
        state = None
    if isinstance(state, dict):
        return state
    raise broken_state(where)


def broken_state(where: str) -> OrchestrateError:
    """Return the error for a state that cannot be used."""
    return OrchestrateError(
        f"The state in {where} is broken; take it away to read the project again from the start"
    )


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Make one line of whatever goes wrong with `what`.

    Raises:
        OrchestrateError: with that line.
    """
    try:
        yield
    except OrchestrateError:
        raise
    except Exception as error:  # noqa: BLE001 - each kind of store has errors of its own
        text = one_line(str(error) or type(error).__name__)
        raise OrchestrateError(f"{what} cannot be used: {text}; see {VARIABLE}") from None
