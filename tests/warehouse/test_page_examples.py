"""The examples of docs/meltano.md that choose, change and forget what is loaded, as they stand."""

from __future__ import annotations

import json
import os
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml

from stand_in.meltano import MELTANO
from tests.support.meltano import WAREHOUSE, Meltano
from tests.support.programs import ended
from tests.support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api
    from tests.support.syncs import Tap

PAGE = (ROOT / "docs" / "meltano.md").read_text()


def blocks(title: str) -> list[str]:
    """Return what the blocks of a section hold."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```\w+\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


(SELECT,) = blocks("Choosing streams and fields")
CONFIG, DOT_ENV = blocks("Changing rows on the way")
(STATE,) = blocks("The state")
MAPS = yaml.safe_load(CONFIG)["stream_maps"]
(FILTERED,) = re.findall("'(.*)'", MAPS["runs"]["__filter__"])
(SEED,) = re.findall('"hash_seed": "(.*)"', DOT_ENV)
RUNS: dict[str, dict[str, Any]] = {
    "a": {"job_name": "nightly", "triggered_by": "scheduled", "pod_name": "pod-1"},
    "b": {"job_name": "hourly", "triggered_by": "manual", "pod_name": "pod-1"},
    "c": {"job_name": None, "triggered_by": None, "pod_name": None},
    "filtered": {"job_name": FILTERED, "triggered_by": "manual", "pod_name": "pod-2"},
}
ID = "dev:tap-dagctl-to-target-duckdb"


@pytest.fixture
def api(api: Api) -> Api:
    for key, fields in RUNS.items():
        more = {"cronjob_name": "cron", "error_message": "the password is …"}
        api.world.put("runs", "proj_a", {"id": key, **more, **fields})
    api.world.put("executions", "proj_a", {"id": "execution", "run_id": "a", "model_name": "m"})
    for table in ("jobs", "plans"):
        api.world.put(table, "proj_a", {"id": "row"})
    api.world.advance(hours=1)
    return api


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(folder / WAREHOUSE), read_only=True) as warehouse:
        return warehouse.execute(query).fetchall()


def test_the_examples_load_what_they_say_and_the_state_does_what_it_says(
    api: Api, tmp_path: Path
) -> None:
    meltano = Meltano.of(api, tmp_path)
    path = f"{MELTANO.parent}:{os.environ['PATH']}"

    def shell(command: str) -> str:
        # Meltano asks before it overwrites or clears a state.
        environment = {**meltano.environment, "PATH": path}
        return ended("sh", "-c", command, cwd=tmp_path, env=environment, stdin="y\n").stdout

    selected = [shell(command) for command in SELECT.splitlines()][-1]
    assert "[excluded   ] runs.cronjob_name" in selected
    assert "[excluded   ] plans.created_at" in selected
    assert "[automatic  ] runs.id" in selected
    (tmp_path / ".env").write_text(DOT_ENV)
    file = tmp_path / "meltano.yml"
    project = yaml.safe_load(file.read_text())
    (plugin,) = (it for it in project["plugins"]["extractors"] if it["name"] == "tap-dagctl")
    plugin["config"]["stream_maps"] = MAPS
    file.write_text(yaml.safe_dump(project))
    meltano.run("tap-dagctl", "target-duckdb")

    tables = "select table_name from information_schema.tables where table_schema = 'dagctl'"
    assert {name for (name,) in rows(tmp_path, tables)} == {
        "projects",
        "runs",
        "executions",
        "daily_stats",
        "model_stats",
        "syncs",
    }
    columns = {name for name, *_ in rows(tmp_path, "describe dagctl.runs")}
    assert {"id", "status", "started_by", "pod_name"} <= columns
    assert not columns & {"cronjob_name", "error_message", "triggered_by"}
    loaded = "select id, started_by, pod_name from dagctl.runs order by id"
    expected = [
        (
            key,
            run["triggered_by"],
            run["pod_name"] and sha256(f"{SEED}{run['pod_name']}".encode()).hexdigest(),
        )
        for key, run in RUNS.items()
        if run["job_name"] != FILTERED
    ]
    assert rows(tmp_path, loaded) == expected
    assert rows(tmp_path, "select id, run_id from dagctl.executions") == [("execution", "a")]

    extracted = "select max(_sdc_extracted_at), min(_sdc_extracted_at) from dagctl.runs"
    ((last, _),) = rows(tmp_path, extracted)
    *commands, restore = STATE.splitlines()
    states = [shell(command) for command in commands]
    assert states[0].split() == [ID]
    saved = json.loads((tmp_path / "state.json").read_text())
    assert saved["singer_state"]["bookmarks"].keys() > {"runs", "model_executions"}
    (copy,) = re.findall(rf"copy {ID} (\S+)", STATE)
    assert json.loads(shell(f"meltano state get {copy}")) == saved
    meltano.run("tap-dagctl", "target-duckdb")
    # All came again, and each is there once.
    assert rows(tmp_path, loaded) == expected
    ((_, first),) = rows(tmp_path, extracted)
    assert first > last
    shell(restore)
    assert json.loads(shell(f"meltano state get {ID}")) == saved


def test_what_the_page_warns_of_is_so(api: Api, tap: Tap) -> None:
    plain = tap()
    without_seed = tap(stream_maps=MAPS)
    assert "KeyError: 'hash_seed'" in without_seed.error
    without_key = tap(stream_maps={"runs": {"id": "__NULL__"}})
    assert "Removing key property 'id' is not permitted" in without_key.error
    without_time = tap(stream_maps={"runs": {"updated_at": "__NULL__"}}).succeeded
    assert without_time.state == plain.state

    first = tap(stream_maps=MAPS, stream_map_config={"hash_seed": SEED}).succeeded
    assert sorted(first.ids("runs")) == ["a", "b", "c"]
    unfiltered = tap(state=first.state)
    assert unfiltered.ids("runs") == []
    api.world.change("runs", "proj_a", "filtered", status="failed")
    assert tap(state=unfiltered.state).ids("runs") == ["filtered"]
    assert sorted(tap().ids("runs")) == sorted(RUNS)
