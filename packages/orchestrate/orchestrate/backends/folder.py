"""States in a folder of one machine."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from typing_extensions import override

from orchestrate.backends.base import StateBackend, decoded, encoded, explained
from orchestrate.states import State, part_name


class FolderStates(StateBackend):
    """A file for each part, and one for its lock: the last process that has it open ends it."""

    def __init__(self, folder: Path, state_id: str) -> None:
        """Make the folder where there is none."""
        self._folder = folder / part_name(state_id)
        self._locks: list[int] = []
        with explained("The folder of states"):
            self._folder.mkdir(parents=True, exist_ok=True)

    @override
    def names(self) -> set[str]:
        with explained("The folder of states"):
            # Not `glob`, which finds nothing in a folder that cannot be listed.
            files = os.listdir(self._folder)  # noqa: PTH208 - only the names are wanted
            return {name.removesuffix(".json") for name in files if name.endswith(".json")}

    @override
    def read(self, names: Collection[str]) -> dict[str, State]:
        found = {}
        for name in names:
            path = self._folder / f"{name}.json"
            # Not `exists`: from Python 3.14 on it says no of a file that may not be seen, too.
            with explained(f"The state in {path}"), suppress(FileNotFoundError):
                found[name] = decoded(path.read_bytes(), str(path))
        return found

    @override
    def save(self, changed: Mapping[str, State | None]) -> None:
        with explained("The folder of states"):
            for name, state in changed.items():
                path = self._folder / f"{name}.json"
                if state is None:
                    path.unlink(missing_ok=True)
                else:
                    _replace(path, encoded(state))

    @override
    def try_lock(self, names: Collection[str]) -> bool:
        locks: list[int] = []
        with explained("The folder of states"):
            for name in names:
                path = self._folder / f"{name}.lock"
                locks.append(os.open(path, os.O_RDWR | os.O_CREAT, 0o666))
                try:
                    fcntl.flock(locks[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    _close(locks)
                    return False
        self._locks += locks
        return True

    @override
    def check_locks(self) -> None:
        pass

    @property
    @override
    def descriptors(self) -> Sequence[int]:
        return self._locks

    @override
    def close(self) -> None:
        _close(self._locks)


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    # What belongs to no project may be written by several syncs at once.
    descriptor, name = tempfile.mkstemp(".new", dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        # Each try would leave one on a disk that is full.
        new.unlink()
        raise


def _close(descriptors: list[int]) -> None:
    while descriptors:
        os.close(descriptors.pop())
