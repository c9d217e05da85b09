"""Syncs in which every request may meet a fault."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from stand_in import faults
from stand_in.history import History
from stand_in.server import Api, Reply, Request, serving
from stand_in.world import World
from tap_dagctl.api import prefetch
from tests.support import in_process
from tests.support.base_time import FIRST_DAY, NOW
from tests.support.truth import KEYS, differences, in_messages, tables
from tests.support.waiting import waiting_at_once

SHARE = 0.2


def weather(api: Api, luck: random.Random, figures: Counter[str]) -> None:
    """Let every request from now on meet a fault with a chance of `SHARE`."""

    def misbehave(request: Request) -> Reply | None:
        figures["requests"] += 1
        if luck.random() >= SHARE:
            return None
        kinds = faults.ANYWHERE
        if request.path.endswith(("/runs", "/model-executions")):
            kinds = kinds | faults.IN_LISTS
        # They take their time, so they are rarer than the others.
        if luck.random() < 0.01:
            kinds = faults.SLOW
        name = luck.choice(sorted(kinds))
        figures["faults"] += 1
        figures[name] += 1
        return kinds[name](api, request)

    def alter(answer: dict[str, Any]) -> None:
        if luck.random() < SHARE:
            faults.count_differently(answer, luck.random())

    api.misbehave, api.alter = misbehave, alter


def storm(seed: int, *, shrink: bool = False) -> Counter[str]:
    """Sync an account in a storm: at first, after a day, and when there is nothing new.

    Raises:
        AssertionError: a row is missing, wrong, or was sent twice.
    """
    del shrink  # a storm is as short as can be
    figures = Counter[str]()
    history = History(World(now=NOW), seed=seed, days=10)
    state: dict[str, Any] = {}
    held: dict[str, Any] = {name: {} for name in KEYS}
    with serving(history.world) as api, waiting_at_once() as clock:
        weather(api, random.Random(seed), figures)
        for pause in (timedelta(), timedelta(days=1), timedelta()):
            history.advance(pause)
            # As many tries as make it improbable that one request meets nothing but faults.
            settings: Any = {"page_size": 20, "max_attempts": 16, "request_timeout": 0.2}
            with patch.object(prefetch, "WORTH_WAITING_SECONDS", -1.0):
                pipe = in_process.sync(api, state, **settings)
            state = pipe.states[-1]
            sent = Counter((name, *(row[key] for key in KEYS[name])) for name, row in pipe.records)
            assert [key for key, times in sent.items() if times > 1] == [], "sent twice"
            for name, table in in_messages(pipe.records).items():
                held[name] |= table
            assert differences(held, tables(history.world, FIRST_DAY)) == []
            figures["syncs"] += 1
            figures["records sent"] += len(pipe.records)
        # Whole lists are sent each time.
        idle = {name for name, _ in pipe.records} - {"projects", "jobs"}
        assert idle == set(), "an idle sync sent something"
        figures["retries"] += len(clock.waits)
    return figures
