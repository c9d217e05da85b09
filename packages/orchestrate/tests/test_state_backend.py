"""States come back as they were saved, and a lock is had by one."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from orchestrate.errors import OrchestrateError
from orchestrate.state_backend import state_backend
from orchestrate.states import NO_PROJECT, part_name
from tests.support import troubleshooting
from tests.support.orchestrated import wait_until
from tests.support.state_backends import KINDS, WITH_LOCKS, backend_of, s3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.programs

ODD_IDS = ("proj_a", "..", "", "a/b", "a b", "Ä", "\x00", "\ud800", "*", "%2F", "x" * 500, "'; --")
VALUES: dict[str, Any] = {"a": [1.5, None, "\x00\ud800ü", 2**70], "b": {"": True}}
HAS_LOCKS = pytest.mark.parametrize("uri", WITH_LOCKS, indirect=True)


@pytest.fixture(scope="module", params=KINDS)
def uri(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ExitStack() as stack:
        found = backend_of(request.param, tmp_path_factory.mktemp(request.param))
        uri, variables = stack.enter_context(found)
        stack.enter_context(patch.dict("os.environ", variables))
        yield uri


@pytest.fixture
def state_id(request: pytest.FixtureRequest) -> str:
    """A name of its own for each test."""
    return f"of {request.node.name}/é"


def test_what_was_saved_comes_back(uri: str, state_id: str) -> None:
    states = {
        part_name(project_id): {"bookmarks": {"runs": VALUES, "id": project_id}}
        for project_id in ODD_IDS
    }
    with state_backend(uri, state_id) as backend:
        assert backend.names() == set()
        backend.save({NO_PROJECT: {}, **states})
        backend.save({NO_PROJECT: {"bookmarks": {"projects": {}}}})
    with state_backend(uri, state_id) as backend:
        assert backend.names() == {NO_PROJECT, *states}
        assert backend.read(states.keys()) == states
        assert backend.read([NO_PROJECT, "none"]) == {NO_PROJECT: {"bookmarks": {"projects": {}}}}
        assert backend.read([]) == {}
        backend.save(dict.fromkeys(states) | {"new": VALUES})
        backend.save({})
        assert backend.names() == {NO_PROJECT, "new"}


def test_states_of_different_ids_do_not_meet(uri: str, state_id: str) -> None:
    with state_backend(uri, state_id) as one, state_backend(uri, f"{state_id}2") as other:
        one.save({"proj_a": {"of": "one"}})
        other.save({"proj_a": {"of": "other"}})
        assert one.read(["proj_a"]) == {"proj_a": {"of": "one"}}
        other.save({"proj_a": None})
        assert one.names() == {"proj_a"}
        assert one.try_lock(["proj_a"])
        assert other.try_lock(["proj_a"])


@HAS_LOCKS
def test_a_lock_is_had_by_one(uri: str, state_id: str) -> None:
    with state_backend(uri, state_id) as other:
        with state_backend(uri, state_id) as one:
            assert one.try_lock(["proj_a", "proj_b"])
            assert not other.try_lock(["proj_b", "proj_c"])
            # It has none of them then.
            assert one.try_lock(["proj_c"])
            assert other.try_lock(["proj_d"])
            assert not one.try_lock(["proj_d"])
        # A server takes a moment to see that a connection has ended.
        wait_until(lambda: other.try_lock(["proj_a", "proj_b", "proj_c"]))


def test_a_file_is_whole_or_the_old_one(tmp_path: Path) -> None:
    with state_backend(str(tmp_path), "x") as backend:
        backend.save({"a": {"n": 1}})
        with (
            patch.object(os, "fsync", side_effect=OSError(28, "No space left on device")),
            pytest.raises(OrchestrateError, match="No space left on device"),
        ):
            backend.save({"a": {"n": 2}})
        assert backend.read(["a"]) == {"a": {"n": 1}}
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["a.json"]


def test_a_state_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    with state_backend(str(tmp_path), "prod") as backend:
        backend.save({"a": {"n": 1}})
        (file,) = tmp_path.rglob("a.json")
        file.unlink()
        file.symlink_to(file)
        with pytest.raises(OrchestrateError, match="symbolic links"):
            backend.read(["a"])
        folder = file.parent.rename(tmp_path / "elsewhere")
        file.parent.symlink_to(file.parent)
        with pytest.raises(OrchestrateError, match="symbolic links"):
            backend.names()
    assert folder.is_dir()


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (None, "STATE_BACKEND_URI is not set"),
        ("", "STATE_BACKEND_URI is not set"),
        ("/dev/null/states", "The folder of states cannot be used: [Errno 20] Not a directory"),
        ("nothing://states", "The store of states cannot be used: Protocol not known: nothing"),
        ("s3://of-nobody/prefix", "there is no bucket of-nobody; create it first"),
        (
            "postgresql://u:made_up_secret@127.0.0.1:1/x",
            'The database of states cannot be used: connection failed: connection to server at "12',
        ),
        ("postgresql://u:made_up_secret@[::1/x", "STATE_BACKEND_URI is no URI of PostgreSQL"),
        ("postgresql://h/x?nix=made_up_secret", "STATE_BACKEND_URI is no URI of PostgreSQL"),
        ("postgresql://without/psycopg", "PostgreSQL needs psycopg"),
    ],
)
def test_a_place_that_cannot_be_used_is_one_line(place: str | None, line: str) -> None:
    missing = {"orchestrate.backends.postgres": None} if place and "without" in place else {}
    with (
        s3() as variables,
        patch.dict("os.environ", variables),
        patch.dict("sys.modules", missing),
        pytest.raises(OrchestrateError) as raised,
        state_backend(place, "x"),
    ):
        pass
    message = str(raised.value)
    assert line in message
    troubleshooting.check([message])
    assert "made_up" not in message
    assert "\n" not in message


def test_a_broken_state_is_one_line(uri: str, state_id: str) -> None:
    with state_backend(uri, state_id) as backend:
        backend.save({"a": ["no state"]})  # type: ignore[dict-item]
        with pytest.raises(OrchestrateError, match="is broken; take it away to read the project"):
            backend.read(["a"])
