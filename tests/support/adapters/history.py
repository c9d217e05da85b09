"""The history that the answers are compared on."""

from __future__ import annotations

from datetime import timedelta

from stand_in.history import History
from stand_in.world import World
from tests.support.awkward import add_awkward_projects, move_on
from tests.support.base_time import NOW


class SeededHistory:
    """A month of projects, some of which are hard to judge; 30 hours later more has happened."""

    def __init__(self, seeds: range) -> None:
        self._history = History(World(now=NOW), days=40)
        self._seeds = seeds
        add_awkward_projects(self.world, seeds)

    @property
    def world(self) -> World:
        return self._history.world

    def go_on(self) -> None:
        self._history.advance(timedelta(hours=30))
        move_on(self.world, self._seeds)
