"""docs/meltano.md as it stands: its examples, and its project in an empty folder."""

from __future__ import annotations

import json
import re
import shlex
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from stand_in.history import History
from stand_in.meltano import MELTANO, environment_for
from stand_in.server import Api, serving
from stand_in.world import World
from tests.support.meltano import WAREHOUSE, Meltano
from tests.support.programs import ended
from tests.support.project import ROOT, copy_to
from tests.support.syncs import Tap
from tests.support.warehouses import duckdb_at

PAGE = (ROOT / "docs" / "meltano.md").read_text()
ANSWERS = (ROOT / "docs" / "answers.md").read_text()
BLOCK = re.compile(r"^( *)```\w+\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def blocks(text: str) -> list[str]:
    """Return what the blocks of a text hold, without a list's indentation."""
    return [dedent(held) for _, held in BLOCK.findall(text)]


(SELECT,) = blocks(section("Choosing streams and fields"))
CONFIG, DOT_ENV = blocks(section("Changing rows on the way"))
(STATE,) = blocks(section("The state"))
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


def test_the_examples_load_what_they_say_and_the_state_does_what_it_says(
    api: Api, tmp_path: Path
) -> None:
    meltano = Meltano.of(api, tmp_path)

    def shell(command: str) -> str:
        # Meltano asks before it overwrites or clears a state.
        env = meltano.environment
        return ended("sh", "-c", command, cwd=tmp_path, env=env, stdin="y\n").stdout

    def rows(query: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in duckdb_at(tmp_path / WAREHOUSE).query(query)]

    selected = [shell(command) for command in SELECT.splitlines()][-1]
    assert "[excluded   ] runs.cronjob_name" in selected
    assert "[automatic  ] runs.id" in selected
    (tmp_path / ".env").write_text(DOT_ENV)
    file = tmp_path / "meltano.yml"
    project = yaml.safe_load(file.read_text())
    (plugin,) = (it for it in project["plugins"]["extractors"] if it["name"] == "tap-dagctl")
    plugin["config"]["stream_maps"] = MAPS
    file.write_text(yaml.safe_dump(project))
    meltano.run("tap-dagctl", "target-duckdb")

    tables = "select table_name from information_schema.tables where table_schema = 'dagctl'"
    assert {name for (name,) in rows(tables)} == {
        *("projects", "runs", "executions", "daily_stats", "model_stats", "syncs")
    }
    columns = {name for name, *_ in rows("describe dagctl.runs")}
    assert columns & {"id", "started_by", "cronjob_name", "error_message", "triggered_by"} == {
        *("id", "started_by")
    }
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
    assert rows(loaded) == expected
    assert rows("select id, run_id from dagctl.executions") == [("execution", "a")]

    extracted = "select max(_sdc_extracted_at), min(_sdc_extracted_at) from dagctl.runs"
    ((last, _),) = rows(extracted)
    *commands, restore = STATE.splitlines()
    states = [shell(command) for command in commands]
    assert states[0].split() == [ID]
    saved = json.loads((tmp_path / "state.json").read_text())
    assert saved["singer_state"]["bookmarks"].keys() > {"runs", "model_executions"}
    (copy,) = re.findall(rf"copy {ID} (\S+)", STATE)
    assert json.loads(shell(f"meltano state get {copy}")) == saved
    meltano.run("tap-dagctl", "target-duckdb")
    # All came again, and each is there once.
    assert rows(loaded) == expected
    ((_, first),) = rows(extracted)
    assert first > last
    shell(restore)
    assert json.loads(shell(f"meltano state get {ID}")) == saved


def test_what_the_page_warns_of_is_so(api: Api, tap: Tap) -> None:
    assert "KeyError: 'hash_seed'" in tap(stream_maps=MAPS).error
    without_key = tap(stream_maps={"runs": {"id": "__NULL__"}})
    assert "Removing key property 'id' is not permitted" in without_key.error
    without_time = tap(stream_maps={"runs": {"updated_at": "__NULL__"}}).succeeded
    assert without_time.state == tap().state

    first = tap(stream_maps=MAPS, stream_map_config={"hash_seed": SEED}).succeeded
    assert sorted(first.ids("runs")) == ["a", "b", "c"]
    unfiltered = tap(state=first.state)
    assert unfiltered.ids("runs") == []
    api.world.change("runs", "proj_a", "filtered", status="failed")
    assert tap(state=unfiltered.state).ids("runs") == ["filtered"]


def pasted(name: str) -> str:
    """Return the first block behind `name`."""
    return blocks(section("In a Meltano project of your own").partition(name)[2])[0]


@pytest.mark.programs
def test_the_page_makes_a_project_that_loads_and_answers(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "transform").mkdir(parents=True)
    for name in ("meltano.yml", "packages.yml", "dbt_project.yml", "profiles.yml"):
        path = project / name if name == "meltano.yml" else project / "transform" / name
        path.write_text(pasted(f"`{name}`" if path.parent == project else f"`transform/{name}`"))

    # uv takes Git from https, ssh and files only. The checkout itself may lack the history that a
    # repository needs to be fetched, and has changes that are not committed.
    repository = tmp_path / "tap-dagctl"
    repository.mkdir()
    copy_to(repository)
    nobody = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.com")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "As it is now"]):
        ended("git", *nobody, *command, cwd=repository)
    # The answers count back from the day of the build.
    now = datetime.now(tz=timezone.utc).replace(microsecond=0)
    world = History(World(now=now), days=30).world
    with serving(world) as api:
        environment = environment_for(api.url, world.token, world.organization_id)
        account = {"DAGCTL_SOURCE": f"file://{repository}"}
        account |= {name: environment.pop(name) for name in ("DAGCTL_TOKEN", "ORG_ID")}
        (project / ".env").write_text(
            re.sub(
                r"^(\w+)=$",
                lambda it: f"{it[0]}{account[it[1]]}",
                pasted("`.env`"),
                flags=re.MULTILINE,
            )
        )
        said = []
        for line in (pasted("Install it") + pasted("To look at them")).splitlines():
            command = shlex.split(line, comments=True)
            if command[0] == "meltano":
                command[0] = str(MELTANO)
            said.append(ended(*command, cwd=project, env=environment).stdout)
    *_, breaches, page, alerts = said
    assert "finance_marts" in breaches
    assert page.strip() == f"{project}/output/report.html is written, from warehouse.duckdb"
    assert "finance_marts" in (project / "output" / "report.html").read_text()
    assert alerts.startswith("notify: as to a new address:\n\ndagctl: ")

    warehouse = duckdb_at(project / "output" / "warehouse.duckdb")
    assert warehouse.differences(world) == []
    questions, *_ = re.findall(r"```sql\n(.*?)```", ANSWERS, re.DOTALL)
    for question in questions.strip().split(";\n\n"):
        assert warehouse.query(question)
