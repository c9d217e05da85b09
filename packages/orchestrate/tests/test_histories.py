"""Made-up histories of syncs in shards: nothing is lost, and only what a kill cost comes again.

The tap's real code reads over HTTP, and the states are in a real folder. Shards are cut anew each
time, projects come, go, come back and change their names, and syncs are killed between any two
messages.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from singer_sdk.singerlib.encoding.simple import Message, RecordMessage, StateMessage
from typing_extensions import override

from orchestrate import sync as program
from orchestrate.pipeline import Pipeline, Program
from orchestrate.shards import setting, shards
from orchestrate.state_backend import state_backend
from orchestrate.states import NO_PROJECT, part_name
from stand_in.server import Api
from stand_in.world import RUNS, World
from tap_dagctl.state.unlisted import DAYS_KEPT
from tap_dagctl.tap import TapDagctl
from tests.support.in_process import Collector, Killed
from tests.support.orchestrated import put
from tests.support.seeded import run_seeded, seeds
from tests.support.syncs import handlers_kept
from tests.support.truth import KEYS, difference, in_messages, tables

ACTS = ("write", "change", "new_project", "rename", "delete", "come_back")
# What is in ids, beside a number.
IDS = ("proj/{}", "{},d", "[{}", "ü{}", "%2F{}", " {} ")
# These are sent whole by every sync.
WHOLE = {"projects", "jobs"}


class Pipe(Collector):
    """The pipe to a target that hands each state on at once, and may be killed."""

    def __init__(self, most: int | None) -> None:
        super().__init__(most)
        self.since_state: list[Any] = []

    def run(self, tap: Program, _: Program, on_line: Callable[[bytes], None], *__: Any) -> int:
        """Run the tap in this process, instead of two programs."""
        self._on_line = on_line
        given = json.loads(json.dumps(tap.files))
        with patch.dict("os.environ", tap.environment, clear=True), handlers_kept():
            running = TapDagctl(
                config=given["--config"],
                parse_env_config=True,
                state=given["--state"],
                catalog=given.get("--catalog"),
                message_writer=self,
            )
        running.sync_all()
        return 0

    @override
    def write_message(self, message: Message) -> None:
        if isinstance(message, RecordMessage) and message.stream == "syncs":
            return  # each sync appends its own
        before = len(self.records)
        super().write_message(message)
        self.since_state += self.records[before:]
        if isinstance(message, StateMessage):
            self._on_line(json.dumps(message.value).encode())
            self.since_state.clear()


class Histories(RuleBasedStateMachine):
    """Writes, time that passes, and rounds of syncs in any number of shards."""

    api: Api
    figures: Counter[str]

    @initialize(projects=st.integers(1, 5))
    def begin(self, projects: int) -> None:
        self.world = self.api.world = World()
        self.first_day = self.world.now.date()
        self.serial = 0
        self.deleted: dict[str, Any] = {}
        self.records: list[tuple[str, Any]] = []
        self.may_come_again: set[str] = set()
        self.folder = tempfile.TemporaryDirectory()
        for _ in range(projects):
            self.act("new_project", 0)

    @rule(
        acts=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 50)), max_size=6),
        seconds=st.sampled_from([1, 90, 7200]),
        number=st.integers(1, 6),
        cuts=st.lists(st.none() | st.integers(1, 40), min_size=2, max_size=6),
        left_out=st.sets(st.integers(0, 5), max_size=3),
        streams=st.sampled_from(["", "", "", " runs, jobs,", "projects,daily_stats,model_stats"]),
    )
    def round(
        self,
        acts: list[tuple[str, int]],
        seconds: int,
        number: int,
        cuts: list[int | None],
        left_out: set[int],
        streams: str,
    ) -> None:
        """Let things happen; then sync some of the shards, some of them cut off."""
        for act, pick in acts:
            self.act(act, pick)
        self.world.advance(seconds=seconds)
        for shard, projects in enumerate(shards(self.world.projects, number)):
            if shard not in left_out:
                self.sync(projects, cuts[shard % len(cuts)], streams)

    def act(self, act: str, pick: int) -> None:
        self.serial += 1
        there_are = sorted(self.world.projects)
        project = there_are[pick % len(there_are)] if there_are else ""
        if act == "new_project":
            project = IDS[self.serial % len(IDS)].format(self.serial)
            self.world.add_project(project, f"project {self.serial}")
            for name in ("first", "second", "third"):
                put(self.world, name, project)
        elif act == "come_back" and self.deleted:
            name = sorted(self.deleted)[pick % len(self.deleted)]
            self.world.projects[name] = self.deleted.pop(name)
        elif act == "write" and project:
            put(self.world, str(self.serial), project)
        elif act == "change" and project:
            key = f"run first of {project}"
            self.world.change(RUNS, project, key, duration_seconds=self.serial)
        elif act == "rename" and project:
            self.world.projects[project].row["name"] = f"project {self.serial}"
        elif act == "delete" and project:
            self.deleted[project] = self.world.delete_project(project)

    def sync(self, projects: list[str], most: int | None = None, streams: str = "") -> None:
        variables = {
            "TAP_DAGCTL_API_TOKEN": self.world.token,
            "TAP_DAGCTL_ORGANIZATION_ID": self.world.organization_id,
            "TAP_DAGCTL_API_URL": self.api.url,
            "TAP_DAGCTL_PROJECT_IDS": setting(projects),
            "STATE_BACKEND_URI": self.folder.name,
        }
        pipe = Pipe(most)
        before = self.parts()
        self.world.advance(seconds=1)
        with (
            patch.dict("os.environ", variables),
            patch.object(Pipeline, "run", pipe.run),
            handlers_kept(),
            suppress(SystemExit, Killed),
        ):
            program.main(["target-duckdb", "--state-id", "x", "--streams", streams])
        assert not streams or {name for name, _ in pipe.records} <= {*re.findall(r"\w+", streams)}
        self.figures["killed"] += pipe.is_killed
        # Nothing comes again that came before, but for what a kill took the state of.
        held = {plain(it) for it in dict(map(keyed, self.records)).items()}
        sent = {plain(keyed(it)) for it in pipe.records if it[0] not in WHOLE}
        self.figures["sent again"] += len(sent & held)
        assert sent & held <= self.may_come_again
        self.records += pipe.records
        self.may_come_again |= {plain(keyed(it)) for it in pipe.since_state}
        # Every project keeps its bookmarks, and nobody else's are touched.
        after = self.parts()
        listed = {part_name(project) for project in self.world.projects}
        kept = listed | {part_name(project) for project in self.deleted}
        others = listed - {part_name(project) for project in projects}
        assert after.keys() <= {*kept, NO_PROJECT}
        for name in before.keys() & kept:
            assert name not in others or after[name] == before[name]
            assert bookmarks(before[name]) <= bookmarks(after[name])

    def parts(self) -> dict[str, Any]:
        with state_backend(self.folder.name, "x") as backend:
            return backend.read(backend.names())

    @override
    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        for projects in shards(self.world.projects, 3):
            self.sync(projects)
        there_are = set(self.world.projects)
        found = in_messages(self.records)
        for name, expected in tables(self.world, self.first_day).items():
            rows = {
                key: row
                for key, row in found.get(name, {}).items()
                if row.get("project_id", row["id"] if name == "projects" else None) in there_are
            }
            assert difference(name, rows, expected) == []
        if there_are:
            # Nothing is left of a deleted project after a month, whichever shard it was in.
            self.sync(sorted(there_are))
            self.world.advance(days=DAYS_KEPT)
            self.deleted.clear()
            self.sync(sorted(there_are)[:1])
            assert self.parts().keys() == {*map(part_name, there_are), NO_PROJECT}
        self.folder.cleanup()


def keyed(named: tuple[str, Any]) -> tuple[tuple[Any, ...], Any]:
    name, record = named
    return (name, *(record[key] for key in KEYS[name])), record


def plain(value: Any) -> str:
    return json.dumps(value, default=str, sort_keys=True)


def bookmarks(part: Any) -> set[str]:
    return {
        f"{stream} {partition['context']}"
        for stream, value in part["bookmarks"].items()
        for partition in value["partitions"]
        if "replication_key_value" in partition
    }


@pytest.mark.parametrize("seed", seeds(1))
def test_histories(seed: int) -> None:
    counted = run_seeded(Histories, 8, seed, steps=6)
    assert counted["killed"]
    assert counted["sent again"]
