"""States in S3, or in another store that `fsspec` knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import fsspec  # type: ignore[import-untyped]
from typing_extensions import override

from orchestrate.backends.base import VARIABLE, StateBackend, decoded, encoded, explained
from orchestrate.errors import OrchestrateError
from orchestrate.states import State, part_name


class ObjectStates(StateBackend):
    """An object for each part; there are no locks."""

    def __init__(self, uri: str, state_id: str) -> None:
        """Find the store; its credentials are where its own library looks for them."""
        with explained("The store of states"):
            # Made anew, as a serverless program may be called again with other credentials.
            options = {"use_listings_cache": False, "skip_instance_cache": True}
            self._store, root = fsspec.core.url_to_fs(uri, **options)
            self._folder = f"{root.rstrip('/')}/{part_name(state_id)}"
        self.names()

    @override
    def names(self) -> set[str]:
        with explained("The store of states"):
            try:
                paths = self._store.ls(self._folder, detail=False)
            except FileNotFoundError as error:
                # Else the folder is empty. The bucket is not asked for: often only its owner may
                # list all of it.
                answer = getattr(error.__cause__, "response", {})
                if answer.get("Error", {}).get("Code") == "NoSuchBucket":
                    bucket, _, _ = self._folder.partition("/")
                    what = f"there is no bucket {bucket}; create it first"
                    raise OrchestrateError(f"{VARIABLE}: {what}") from None
                return set()
        return {path.rpartition("/")[2].removesuffix(".json") for path in paths}

    @override
    def read(self, names: Collection[str]) -> dict[str, State]:
        paths = {self._path(name): name for name in names}
        with explained("The store of states"):
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
        with explained("The store of states"):
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

    @override
    def check_locks(self) -> None:
        pass

    @property
    @override
    def descriptors(self) -> Sequence[int]:
        return ()

    @override
    def close(self) -> None:
        pass

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}.json"
