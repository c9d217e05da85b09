"""Where states are kept: one part for each project, and a lock for each.

`STATE_BACKEND_URI` says where: `postgresql://user:password@host/database`, `s3://bucket/prefix`, or
a folder. PostgreSQL needs `psycopg`, S3 needs `s3fs`.

A lock lives as long as any process holds the descriptor that stands for it. The tap and the target
inherit it, so a sync whose parent was killed keeps its projects locked until the last process that
may still write has ended. S3 has no locks.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import override

from orchestrate.errors import OrchestrateError
from orchestrate.states import part_name
from tap_dagctl.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from orchestrate.states import State

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

    @property
    def descriptors(self) -> Sequence[int]:
        """What a process must inherit to hold the locks."""

    def close(self) -> None:
        """Give the locks back, for this process."""


@contextmanager
def state_backend(uri: str | None, state_id: str) -> Iterator[StateBackend]:
    """Open the place that `uri` names, for the states under `state_id`.

    Raises:
        OrchestrateError: it cannot be reached or used.
    """
    if not uri:
        raise OrchestrateError(
            f"{VARIABLE} is not set: it says where states are kept, like postgresql://…, "
            "s3://bucket/prefix or a folder"
        )
    backend: StateBackend
    if re.match(r"postgres(ql)?(\+\w+)?://", uri):
        try:
            # Needed only here.
            from orchestrate.postgres_states import PostgresStates  # noqa: PLC0415
        except ImportError:
            raise OrchestrateError(f"{VARIABLE}: install psycopg[binary] for PostgreSQL") from None
        backend = PostgresStates(uri, state_id)
    elif "://" in uri:
        backend = ObjectStates(uri, state_id)
    else:
        backend = FolderStates(Path(uri), state_id)
    try:
        yield backend
    finally:
        backend.close()


class FolderStates(StateBackend):
    """Files in a folder of one machine."""

    def __init__(self, folder: Path, state_id: str) -> None:
        """Make the folder where there is none."""
        self._folder = folder / part_name(state_id)
        self._locks: list[int] = []
        with _told("The folder of states"):
            self._folder.mkdir(parents=True, exist_ok=True)

    @override
    def names(self) -> set[str]:
        with _told("The folder of states"):
            return {path.name.removesuffix(".json") for path in self._folder.glob("*.json")}

    @override
    def read(self, names: Collection[str]) -> dict[str, State]:
        found = {}
        for name in names:
            path = self._folder / f"{name}.json"
            with _told(f"The state in {path}"):
                if path.exists():
                    found[name] = decoded(path.read_bytes(), str(path))
        return found

    @override
    def save(self, changed: Mapping[str, State | None]) -> None:
        with _told("The folder of states"):
            for name, state in changed.items():
                path = self._folder / f"{name}.json"
                if state is None:
                    path.unlink(missing_ok=True)
                    continue
                # What belongs to no project may be written by several syncs at once.
                descriptor, new = tempfile.mkstemp(".new", dir=self._folder)
                with os.fdopen(descriptor, "w", encoding="ascii") as file:
                    file.write(encoded(state))
                    file.flush()
                    os.fsync(file.fileno())
                Path(new).replace(path)

    @override
    def try_lock(self, names: Collection[str]) -> bool:
        locks: list[int] = []
        with _told("The folder of states"):
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

    @property
    @override
    def descriptors(self) -> Sequence[int]:
        return self._locks

    @override
    def close(self) -> None:
        _close(self._locks)


class ObjectStates(StateBackend):
    """Objects in S3, or in another store that `fsspec` knows; there are no locks."""

    def __init__(self, uri: str, state_id: str) -> None:
        """Find the store; its credentials are where its own library looks for them."""
        with _told("The store of states"):
            try:
                import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 - needed only here

                self._store, root = fsspec.core.url_to_fs(uri, use_listings_cache=False)
            except ImportError as error:
                raise OrchestrateError(f"{VARIABLE}: {error}") from None
            bucket, _, _ = root.partition("/")
            # In one that is not there nothing is found either, and nothing could be saved.
            if bucket and not self._store.exists(bucket):
                raise OrchestrateError(f"{VARIABLE}: there is no bucket {bucket}; create it first")
            self._folder = f"{root.rstrip('/')}/{part_name(state_id)}"

    @override
    def names(self) -> set[str]:
        with _told("The store of states"):
            try:
                paths = self._store.ls(self._folder, detail=False)
            except FileNotFoundError:
                return set()
        return {path.rpartition("/")[2].removesuffix(".json") for path in paths}

    @override
    def read(self, names: Collection[str]) -> dict[str, State]:
        paths = {self._path(name): name for name in names}
        with _told("The store of states"):
            found = self._store.cat(list(paths), on_error="return") if paths else {}
            for content in found.values():
                if isinstance(content, Exception) and not isinstance(content, FileNotFoundError):
                    raise content
        return {
            paths[path]: decoded(content, path)
            for path, content in found.items()
            if isinstance(content, bytes)
        }

    @override
    def save(self, changed: Mapping[str, State | None]) -> None:
        with _told("The store of states"):
            written = {
                self._path(name): encoded(state).encode()
                for name, state in changed.items()
                if state is not None
            }
            if written:
                self._store.pipe(written)
            if gone := [self._path(name) for name, state in changed.items() if state is None]:
                self._store.rm(gone)

    @override
    def try_lock(self, names: Collection[str]) -> bool:
        return True

    @property
    @override
    def descriptors(self) -> Sequence[int]:
        return ()

    @override
    def close(self) -> None:
        pass

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}.json"


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
    raise OrchestrateError(
        f"The state in {where} is broken; take it away to read the project again from the start"
    )


def lock_key(state_id: str, name: str) -> int:
    """Return a number of 64 bits for the lock of a part."""
    digest = hashlib.sha256(f"{state_id}\n{name}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OrchestrateError:
        raise
    except Exception as error:  # noqa: BLE001 - each kind of store has errors of its own
        text = one_line(str(error) or type(error).__name__)
        raise OrchestrateError(f"{what} cannot be used: {text}; see {VARIABLE}") from None


def _close(descriptors: list[int]) -> None:
    while descriptors:
        os.close(descriptors.pop())
