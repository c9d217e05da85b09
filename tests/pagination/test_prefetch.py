"""The first requests of the next streams and projects, made before their turn, change nothing."""

from __future__ import annotations

import math
import random
import threading
import time
from collections import Counter
from typing import Any
from unittest.mock import Mock, patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stand_in.server import Reply, Request, serving
from stand_in.world import EXECUTIONS, JOBS, PLANS, RUNS, World, to_text
from tap_dagctl.api import client, prefetch
from tap_dagctl.errors import TapError
from tests.support.at_request import refuse
from tests.support.in_process import sync

LISTS = ("runs", "model-executions", "plans", "jobs", "runs/daily-stats", "model-executions/stats")
ALWAYS, NEVER = -1.0, math.inf
# Another try of a request that waits would count as the other one that it waits for.
PATIENTLY: Any = {"max_attempts": 1, "request_timeout": 300}


def account(*sizes: int) -> World:
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
    for table in (RUNS, EXECUTIONS, PLANS, JOBS):
        row = {"id": f"{table}_{key}", "start_time": to_text(world.now)}
        world.put(table, project, {**row, "model_name": f"model_{key}"})


def ahead(worth: float = ALWAYS) -> Any:
    """Make requests ahead wherever it is allowed, or never."""
    return patch.object(prefetch, "WORTH_WAITING_SECONDS", worth)


def twice(
    sizes: list[int], refused: dict[str, int], worth: float, connections: int
) -> tuple[list[Any], Counter[str]]:
    """Sync an account, add a row to each other project, and sync again.

    Return what came, and what was asked for.
    """
    came, state = list[Any](), None
    # However long an answer takes, the bookmark is the same.
    stopped = Mock(monotonic=lambda: 0.0, thread_time=lambda: 0.0)
    with serving(account(*sizes)) as api, ahead(worth), patch.object(client, "time", stopped):
        refuse(api, refused)
        for number in range(2):
            try:
                pipe = sync(api, state, max_attempts=1, page_size=2, max_connections=connections)
                state = pipe.states[-1]
                came += [*pipe.records, state]
            except TapError as error:
                came.append(str(error))
            for project in range(number, len(sizes), 2):
                add(api.world, f"proj_{project}", f"late_{project}")
        return came, Counter(f"{it.path} {sorted(it.params.items())}" for it in api.requests)


@settings(max_examples=40)
@given(
    sizes=st.lists(st.integers(0, 12), max_size=6),
    broken=st.sets(st.tuples(st.integers(0, 5), st.sampled_from(LISTS)), max_size=3),
    status=st.sampled_from([404, 403, 500]),
    connections=st.integers(1, 6),
    seed=st.none() | st.integers(0, 10**6),
)
def test_ahead_or_not_or_now_and_then_the_same_comes_out(
    sizes: list[int], broken: set[tuple[int, str]], status: int, connections: int, seed: int | None
) -> None:
    refused = {f"proj_{number}/{name}": status for number, name in broken}
    alone, requests_alone = twice(sizes, refused, NEVER, connections)
    luck = random.Random(seed)
    always = prefetch.is_worthwhile
    chosen = always if seed is None else lambda _: luck.random() < 0.5
    with patch.object(prefetch, "is_worthwhile", chosen):
        early, requests = twice(sizes, refused, ALWAYS, connections)

    assert early == alone
    # Nothing is asked for twice, and nothing that is not needed, but for what follows a failure.
    assert requests >= requests_alone
    assert requests == requests_alone or broken


@pytest.mark.parametrize(
    ("rows", "worth", "connections", "is_ahead"),
    [
        (60, ALWAYS, 1, False),
        (60, ALWAYS, 2, True),
        # Neither a short walk, nor one that has not to wait.
        (15, ALWAYS, 4, False),
        (60, 60, 4, False),
    ],
)
def test_a_long_walk_fetches_pages_ahead_if_it_waits_over_so_many_connections(
    rows: int, worth: float, connections: int, is_ahead: bool
) -> None:
    under_way, counts = set[int](), list[int]()

    def misbehave(request: Request) -> None:
        under_way.add(request.number)
        counts.append(len(under_way))
        time.sleep(0.002)
        under_way.discard(request.number)

    with serving(account(rows)) as api, ahead(worth):
        api.misbehave = misbehave
        sync(api, streams=("runs",), page_size=5, max_connections=connections)
        assert (max(counts) > 1) == is_ahead
        # Beside the first requests of the next streams, too.
        sync(api, page_size=5, max_connections=connections)

    assert max(counts) <= connections


@pytest.mark.parametrize("projects", [1, 30])
def test_as_many_are_under_way_as_there_are_connections(projects: int) -> None:
    """Each of the first four below the projects is answered when all four have been asked."""
    barrier, left = threading.Barrier(4, timeout=120), iter(range(4))

    def misbehave(request: Request) -> None:
        if not request.path.endswith("/projects") and next(left, None) is not None:
            barrier.wait()

    with serving(account(*[1] * projects)) as api, ahead():
        api.misbehave = misbehave
        sync(api, max_connections=4, **PATIENTLY)

    assert not barrier.broken


def test_without_a_thread_to_be_had_everything_comes() -> None:
    start = Mock(side_effect=RuntimeError("can't start new thread"))
    with (
        serving(account(30, 1)) as api,
        ahead(),
        patch.object(prefetch, "threading", Mock(Thread=start)),
    ):
        pipe = sync(api, page_size=5)

    assert len(pipe.rows("runs")) == 31
    assert start.called


def test_what_is_not_asked_for_after_all_takes_no_place_for_ever() -> None:
    """Here the second window of every project, as the first is refused."""
    barrier = threading.Barrier(2, timeout=120)

    def misbehave(request: Request) -> Reply | None:
        if request.path.endswith(("proj_9/runs", "proj_9/model-executions")):
            barrier.wait()
        return Reply(404, b"{}") if request.path.endswith("model-executions/stats") else None

    with serving(account(*[1] * 10)) as api, ahead():
        api.misbehave = misbehave
        with pytest.raises(TapError):
            sync(api, max_connections=4, **PATIENTLY)

    assert not barrier.broken
