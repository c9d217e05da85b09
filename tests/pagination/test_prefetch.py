"""The first requests of the next streams and projects, made before their turn, change nothing."""

from __future__ import annotations

import math
import random
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stand_in.server import Reply, serving
from stand_in.world import EXECUTIONS, JOBS, PLANS, RUNS, World
from tap_dagctl.api import prefetch
from tap_dagctl.errors import TapError
from tests.support.in_process import sync
from tests.support.simulation import Arrangement, Figures, Simulation

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from stand_in.server import Api, Request

LISTS = ("runs", "model-executions", "plans", "jobs", "runs/daily-stats", "model-executions/stats")
ALWAYS, NEVER = -1.0, math.inf
DATE = "Mon, 02 Mar 2026 07:00:00 GMT"


@dataclass
class Done:
    """What two syncs with a change between them did."""

    records: list[tuple[str, Any]]
    states: list[dict[str, Any]]
    errors: list[str]
    requests: Counter[tuple[str, tuple[tuple[str, str], ...]]]


def account(sizes: list[int]) -> World:
    """Return an account with a project for each of `sizes`, of so many rows in each table."""
    world = World()
    for number, size in enumerate(sizes):
        project = f"proj_{number}"
        world.add_project(project, f"project {number}")
        for row in range(size):
            add(world, project, f"{number}_{row}")
            world.advance(seconds=7)
    world.advance(hours=1)
    return world


def add(world: World, project: str, key: str) -> None:
    started = {"start_time": world.now.isoformat().replace("+00:00", "Z")}
    world.put(RUNS, project, {"id": f"run_{key}", **started})
    world.put(EXECUTIONS, project, {"id": f"exec_{key}", "model_name": f"model_{key}", **started})
    world.put(PLANS, project, {"id": f"plan_{key}"})
    world.put(JOBS, project, {"id": f"job_{key}"})


def twice(
    sizes: list[int], broken: set[tuple[int, str]], status: int, worth: float, **configuration: Any
) -> Done:
    """Sync an account, add a row to each other project, and sync again."""
    done = Done([], [], [], Counter())
    refused = {f"/api/v1/projects/proj_{number}/{name}" for number, name in broken}

    def misbehave(request: Request) -> Reply | None:
        return Reply(status, b"{}") if request.path in refused else None

    with serving(account(sizes)) as api, patch.object(prefetch, "WORTH_WAITING_SECONDS", worth):
        state = None
        for number in range(2):
            api.misbehave = misbehave
            pipe = None
            try:
                pipe = sync(api, state, max_attempts=1, page_size=2, **configuration)
            except TapError as error:
                done.errors.append(str(error))
            if pipe:
                done.records += pipe.records
                done.states += pipe.states[-1:]
                state = pipe.states[-1] if pipe.states else None
            wait_for_prefetch()
            for project in range(number, len(sizes), 2):
                add(api.world, f"proj_{project}", f"late_{project}")
        done.requests.update(
            (request.path, tuple(sorted(request.params.items()))) for request in api.requests
        )
    return done


def wait_for_prefetch() -> None:
    for thread in threading.enumerate():
        if thread.name == prefetch.THREAD_NAME:
            thread.join()


@settings(max_examples=25)
@given(
    sizes=st.lists(st.integers(0, 12), max_size=6),
    seed=st.integers(0, 10**6),
    connections=st.integers(1, 6),
)
def test_where_it_pays_now_and_then_nothing_is_asked_for_in_vain(
    sizes: list[int], seed: int, connections: int
) -> None:
    alone = twice(sizes, set(), 500, NEVER, max_connections=connections)
    luck = random.Random(seed)
    with patch.object(prefetch, "is_worthwhile", lambda _: luck.random() < 0.5):
        ahead = twice(sizes, set(), 500, ALWAYS, max_connections=connections)

    assert ahead.records == alone.records
    assert ahead.requests == alone.requests


@settings(max_examples=25)
@given(
    sizes=st.lists(st.integers(0, 12), max_size=6),
    broken=st.sets(st.tuples(st.integers(0, 5), st.sampled_from(LISTS)), max_size=3),
    status=st.sampled_from([404, 403, 500]),
    connections=st.integers(1, 6),
)
def test_ahead_or_not_the_same_comes_out(
    sizes: list[int], broken: set[tuple[int, str]], status: int, connections: int
) -> None:
    alone = twice(sizes, broken, status, NEVER, max_connections=connections)
    ahead = twice(sizes, broken, status, ALWAYS, max_connections=connections)

    assert ahead.records == alone.records
    assert ahead.states == alone.states
    assert ahead.errors == alone.errors
    # Nothing is asked for twice, and nothing that is not needed, but for what follows a failure.
    assert ahead.requests >= alone.requests
    assert ahead.requests == alone.requests or broken


@contextmanager
def counting(api: Api) -> Iterator[list[int]]:
    """Count how many requests are under way at each request."""
    lock, now, counts = threading.Lock(), [0], []

    def misbehave(_: Request) -> None:
        with lock:
            now[0] += 1
            counts.append(now[0])
        time.sleep(0.002)
        with lock:
            now[0] -= 1

    api.misbehave = misbehave
    yield counts
    api.misbehave = lambda _: None


@pytest.mark.parametrize("connections", [1, 2, 5])
def test_no_more_requests_are_under_way_than_max_connections(connections: int) -> None:
    with serving(account([60, 1, 1, 60, 1])) as api, counting(api) as counts:
        with patch.object(prefetch, "WORTH_WAITING_SECONDS", ALWAYS):
            sync(api, page_size=5, max_connections=connections)
        wait_for_prefetch()

    assert max(counts) <= connections


@pytest.mark.parametrize("projects", [1, 2, 30])
def test_as_many_are_under_way_as_there_are_connections(projects: int) -> None:
    """Each of the first four below the projects is answered when all four have been asked."""
    barrier, left = threading.Barrier(4, timeout=120), iter(range(4))

    def misbehave(request: Request) -> None:
        if not request.path.endswith("/projects") and next(left, None) is not None:
            barrier.wait()

    with serving(account([1] * projects)) as api:
        api.misbehave = misbehave
        with patch.object(prefetch, "WORTH_WAITING_SECONDS", ALWAYS):
            sync(api, max_connections=4)

    assert not barrier.broken


def test_what_is_not_asked_for_after_all_takes_no_place_for_ever() -> None:
    """Here the second window of every project, as the first is refused."""
    barrier = threading.Barrier(2, timeout=120)

    def misbehave(request: Request) -> Reply | None:
        if request.path.endswith(("proj_9/runs", "proj_9/model-executions")):
            barrier.wait()
        return Reply(404, b"{}") if request.path.endswith("model-executions/stats") else None

    with serving(account([1] * 10)) as api:
        api.misbehave = misbehave
        with patch.object(prefetch, "WORTH_WAITING_SECONDS", ALWAYS), pytest.raises(TapError):
            sync(api, max_connections=4)
        wait_for_prefetch()

    assert not barrier.broken


def test_a_walk_that_is_resumed_does_not_begin_with_the_first_page(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tap_dagctl.streams.kinds.PAGES_A_STATE", 1)
    history = Simulation(api, Arrangement(page_size=20, connections=4), Figures())
    for number in range(300):
        history.world.advance(seconds=1)
        history.world.put(RUNS, "proj_0", {"id": f"run_{number:03}"})
    history.world.advance(hours=1)
    history.sync(cut=200)
    api.requests.clear()
    history.sync()

    pages = [
        request.params["page"] for request in api.requests if request.path.endswith("proj_0/runs")
    ]
    assert pages[0] != "1"
    # What changed while it had stopped.
    assert pages.count("1") == 1
    assert pages[-1] == "1"


def test_where_a_server_answers_at_once_requests_are_made_one_by_one(api: Api) -> None:
    with patch.object(prefetch, "WORTH_WAITING_SECONDS", NEVER), counting(api) as counts:
        sync(api)

    assert set(counts) == {1}


def test_several_are_under_way_where_only_the_body_of_an_answer_comes_late(api: Api) -> None:
    """The header comes at once, as from a server that sends rows while it still finds them."""
    lock, now, counts = threading.Lock(), [0], []

    def late(reply: Reply, connection: socket.socket) -> None:
        with lock:
            now[0] += 1
            counts.append(now[0])
        lines = {**reply.headers, "Date": DATE, "Content-Length": str(len(reply.body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        connection.sendall(f"HTTP/1.1 200 OK\r\nConnection: close\r\n{head}\r\n".encode())
        time.sleep(0.05)
        with lock:
            now[0] -= 1
        connection.sendall(reply.body)

    def misbehave(request: Request) -> Reply | None:
        reply = api.true_reply(request)
        return replace(reply, instead=partial(late, reply))

    for number in range(600):
        api.world.put(RUNS, "proj_a", {"id": f"run_{number:03}"})
    api.world.advance(hours=1)
    api.misbehave = misbehave
    pipe = sync(api, streams=("runs",), page_size=20, max_connections=4)

    assert len({row["id"] for name, row in pipe.records if name == "runs"}) == 600
    # In rounds of four, of which the first request finds no other under way.
    assert max(counts) == 4
    assert counts.count(1) < len(counts) / 2


def test_a_rejected_token_ends_it_with_the_requests_under_way(api: Api) -> None:
    def misbehave(request: Request) -> Reply | None:
        return None if request.path.endswith("/projects") else Reply(401, b"{}")

    for number in range(20):
        api.world.add_project(f"proj_{number}", f"more {number}")
    api.misbehave = misbehave
    with patch.object(prefetch, "WORTH_WAITING_SECONDS", ALWAYS), pytest.raises(TapError):
        sync(api, max_connections=4)
    wait_for_prefetch()

    assert len(api.requests) <= 1 + 4
