"""The states of one sync: read once, and saved whenever the target says something new of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence

from orchestrate.backends.base import StateBackend, broken_state
from orchestrate.states import NO_PROJECT, State, put_together, split

logger = logging.getLogger("orchestrate")


class SavedStates:
    """The states of some projects, and what belongs to none.

    Attributes:
        is_any_told: whether the target has said of anything that it is stored.
    """

    def __init__(self, backend: StateBackend, names: Sequence[str]) -> None:
        """Read the parts of these names, as far as there are any; `NO_PROJECT` comes first."""
        self.is_any_told = False
        self._backend = backend
        existing = backend.names()
        found = backend.read([name for name in names if name in existing])
        self._saved = {name: found[name] for name in names if name in found}

    @property
    def whole(self) -> State:
        """All of them as one state.

        Raises:
            OrchestrateError: one of them is no part of a state.
        """
        try:
            return put_together(self._saved.values())
        except (AttributeError, KeyError, TypeError):
            raise broken_state(f"the part {self._broken()}") from None

    def _broken(self) -> str:
        """Return the name of a part that is none."""
        for name, part in self._saved.items():
            if name != NO_PROJECT and split(part).get(name) != part:
                return name
        return NO_PROJECT

    def save_line(self, line: bytes) -> None:
        """Save what is new in a line of the target."""
        try:
            state = json.loads(line)
        except ValueError:
            state = None
        # Some targets write their log there, and it may be JSON, too.
        if not isinstance(state, dict) or not isinstance(state.get("bookmarks"), dict):
            logger.warning("The target wrote a line that is no state, which is left out")
            return
        self.is_any_told = True
        parts = split(state)
        changed: dict[str, State | None] = {
            name: part for name, part in parts.items() if self._saved.get(name) != part
        }
        changed |= dict.fromkeys(self._saved.keys() - parts.keys())
        if changed:
            self._backend.save(changed)
            self._saved = parts
