"""States come back as they were saved, a lock is had by one, and what cannot be used is told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrate.errors import OrchestrateError
from orchestrate.saved_states import SavedStates
from orchestrate.state_backend import state_backend
from orchestrate.states import NO_PROJECT, part_name, put_together, split
from stand_in.server import Api, Reply
from tests.support import troubleshooting
from tests.support.made_up_rows import TEXT
from tests.support.made_up_rows import VALUES as JSON
from tests.support.orchestrated import wait_until
from tests.support.state_backends import KINDS, WITH_LOCKS, backend_of, s3_variables

pytestmark = pytest.mark.programs

ODD_IDS = ("proj_a", "..", "", "a/b", "a b", "Ä", "\x00", "\ud800", "*", "%2F", "x" * 500, "'; --")
VALUES: dict[str, Any] = {"a": [1.5, None, "\x00\ud800ü", 2**70], "b": {"": True}}


@pytest.fixture(scope="module", params=KINDS)
def uri(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with backend_of(request.param, tmp_path_factory.mktemp(request.param)) as uri:
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
    with state_backend(uri, f"{state_id}2") as other:
        other.save({"proj_a": {}, "of other": {}})
        other.save({"proj_a": None})
    with state_backend(uri, state_id) as backend:
        assert backend.names() == {NO_PROJECT, *states}
        assert backend.read(states.keys()) == states
        rest = backend.read([NO_PROJECT, "none", "of other"])
        assert rest == {NO_PROJECT: {"bookmarks": {"projects": {}}}}
        assert backend.read([]) == {}
        backend.save(dict.fromkeys(states) | {"new": VALUES})
        backend.save({})
        assert backend.names() == {NO_PROJECT, "new"}


@pytest.mark.parametrize("uri", WITH_LOCKS, indirect=True)
def test_a_lock_is_had_by_one(uri: str, state_id: str) -> None:
    with state_backend(uri, state_id) as other, state_backend(uri, f"{state_id}2") as third:
        with state_backend(uri, state_id) as one:
            assert one.try_lock(["proj_a", "proj_b"])
            assert not other.try_lock(["proj_c", "proj_b"])
            # It has none of them then.
            assert one.try_lock(["proj_c"])
            assert third.try_lock(["proj_a"])
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


def test_a_part_is_saved_only_where_the_target_says_something_new(tmp_path: Path) -> None:
    """Another sync may have saved it in the meantime."""
    parts = {
        name: {"bookmarks": {"runs": {"partitions": [{"context": {"project_id": name}}]}}}
        for name in ("a", "b")
    }
    with state_backend(str(tmp_path), "x") as backend:
        backend.save({NO_PROJECT: {"bookmarks": {"runs": {"partitions": []}}}, **parts})
        saved = SavedStates(backend, [NO_PROJECT, *parts])
        state = json.loads(json.dumps(saved.whole))
        state["bookmarks"]["runs"]["partitions"][0]["walk"] = 1
        backend.save({"b": {"newer": True}})
        saved.save_line(json.dumps(state).encode())
        found = backend.read(parts)
    assert "walk" in str(found["a"])
    assert found["b"] == {"newer": True}


def test_a_state_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    with state_backend(str(tmp_path), "prod") as backend:
        file = tmp_path / "prod" / "a.json"
        file.symlink_to(file)
        with pytest.raises(OrchestrateError, match="symbolic links"):
            backend.read(["a"])
        file.parent.rename(tmp_path / "elsewhere")
        file.parent.symlink_to(file.parent)
        with pytest.raises(OrchestrateError, match="symbolic links"):
            backend.names()


def of_s3(code: str, message: str = "Access Denied") -> str:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"


S3 = "s3://bucket/states"
EMPTY = "<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>"


@pytest.mark.parametrize(
    ("place", "status", "answer", "said"),
    [
        (None, 0, "", "STATE_BACKEND_URI is not set"),
        ("", 0, "", "STATE_BACKEND_URI is not set"),
        ("/dev/null/states", 0, "", "The folder of states cannot be used: [Errno 20] Not a"),
        ("nothing://states", 0, "", "The store of states cannot be used: Protocol not known: no"),
        ("postgresql://u:made_up_secret@127.0.0.1:1/x", 0, "", "used: connection failed: conn"),
        ("postgresql://u:made_up_secret@[::1/x", 0, "", "STATE_BACKEND_URI is no URI of Postgre"),
        ("postgresql://h/x?nix=made_up_secret", 0, "", "STATE_BACKEND_URI is no URI of Postgre"),
        ("postgresql://without/psycopg", 0, "", "PostgreSQL needs psycopg"),
        # An S3 that allows little, or fails: only a missing bucket is called one.
        (S3, 404, of_s3("NoSuchBucket"), "there is no bucket bucket; create it first"),
        (S3, 403, of_s3("AccessDenied"), "The store of states cannot be used: Access Denied"),
        (S3, 500, of_s3("InternalError", "Try"), "cannot be used: [Errno 121] Try"),
        (S3, 0, "", "cannot be used: Could not connect to the endpoint"),
        # Often, the bucket may not be listed as a whole.
        (S3, 200, EMPTY, None),
    ],
)
def test_a_place_that_cannot_be_used_is_one_line(
    api: Api, place: str | None, status: int, answer: str, said: str | None
) -> None:
    api.misbehave = lambda request: (
        Reply(status, answer.encode())
        if request.params.get("prefix", "").startswith("states/")
        else Reply(403, of_s3("AccessDenied").encode())
    )
    # Nobody listens on the first port.
    variables = s3_variables(f"http://127.0.0.1:{api.server_port if status else 1}")
    missing = {"orchestrate.backends.postgres": None} if place and "without" in place else {}
    with (
        patch.dict("os.environ", variables, AWS_MAX_ATTEMPTS="1"),
        patch.dict("sys.modules", missing),
    ):
        if said is None:
            with state_backend(place, "x") as backend:
                assert backend.names() == set()
                # What may not be read is not taken for none.
                with pytest.raises(OrchestrateError, match="store of states cannot be used"):
                    backend.read(["a"])
            return
        with pytest.raises(OrchestrateError) as raised, state_backend(place, "x"):
            pass
    message = str(raised.value)
    assert said in message
    troubleshooting.check([message])
    assert "made_up" not in message
    assert "\n" not in message


IDS = st.sampled_from(["proj_a", "proj_b", "PROJ_A", "a/b", "..", "", NO_PROJECT, "%", "ü", "\x00"])
CONTEXTS = st.fixed_dictionaries({}, optional={"project_id": IDS | TEXT, "job": JSON})
PARTITIONS = st.fixed_dictionaries({"context": CONTEXTS | JSON}, optional={"walk": JSON})
STREAMS = JSON | st.fixed_dictionaries(
    {}, optional={"partitions": st.lists(PARTITIONS, max_size=6), "starting": JSON}
)
BOOKMARKS = st.dictionaries(st.sampled_from(["runs", "jobs", "x"]), STREAMS)
STATES = st.fixed_dictionaries({}, optional={"bookmarks": BOOKMARKS, "more": JSON})


def project_of(context: Any) -> Any:
    return context.get("project_id", 0) if isinstance(context, dict) else 0


def sorted_by_project(state: dict[str, Any]) -> dict[str, Any]:
    """Return a state in which only the order within a project says anything."""
    state = json.loads(json.dumps(state))
    for value in state.get("bookmarks", {}).values():
        if isinstance(value, dict) and "partitions" in value:
            value["partitions"].sort(key=lambda it: json.dumps(project_of(it["context"])))
    return state


@given(STATES, st.randoms())
def test_each_part_is_of_one_project_and_nothing_is_lost(
    state: dict[str, Any], random: Any
) -> None:
    before = json.dumps(state)
    parts = split(state)
    for name, part in parts.items():
        again = split(part)
        again.pop(NO_PROJECT) if name != NO_PROJECT else None
        assert again == {name: part}

    # Those of projects come in any order.
    rest, *projects = parts.values()
    random.shuffle(projects)
    assert sorted_by_project(put_together([rest, *projects])) == sorted_by_project(state)
    assert json.dumps(state) == before


@given(st.lists(IDS | TEXT | st.text("aé/", min_size=40, max_size=300), unique=True, max_size=20))
def test_a_name_is_one_project_and_fits_a_file(ids: list[str]) -> None:
    names = [part_name(project_id) for project_id in ids]

    assert len({*names, NO_PROJECT}) == len(ids) + 1
    for name in names:
        file = f"{name}.json"
        assert file.isascii()
        assert len(file) <= 240
        assert PurePosixPath(file).name == file


def test_usual_ids_are_their_own_names() -> None:
    names = [part_name(it) for it in ("proj_7f3a01", "a b/c", "..")]
    assert names == ["proj_7f3a01", "a%20b%2Fc", "%2E%2E"]
