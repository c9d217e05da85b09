"""meltano.yml as a user runs it: what variables say, states, and a run that is stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from stand_in.meltano import MELTANO, environment_for
from stand_in.server import Api, Request
from tests.support.meltano import WAREHOUSE, Meltano
from tests.support.programs import ended
from tests.support.project import ROOT
from tests.support.syncs import Output
from tests.support.warehouses import duckdb_at

PAGE = (ROOT / "docs" / "meltano.md").read_text()
COMMANDS = dict(re.findall(r"^# (one \w+)\n((?:.*\\\n)*.*)\n", PAGE, re.MULTILINE))
COMES_AGAIN = {"one stream": {"runs": ["a", "b"]}, "one project": {"runs": ["a"], "plans": ["a"]}}


def test_nothing_of_a_real_account_reaches_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        *("DAGCTL_TOKEN", "PROJECT_ID", "TAP_DAGCTL_API_TOKEN", "TARGET_DUCKDB_FILEPATH"),
        *("DBT_TARGET_PATH", "MELTANO_DATABASE_URI"),
    ):
        monkeypatch.setenv(name, "of a real account")
    assert "of a real account" not in environment_for("", "", "").values()


def test_what_variables_and_an_inheriting_plugin_say_reaches_the_tap(
    api: Api, tmp_path: Path
) -> None:
    run = {"error_message": "the password is …", "duration_seconds": 3.5, "queue": "big"}
    for key in ("run", "other"):
        api.world.put("runs", "proj_b", {"id": key, **run})
    meltano = Meltano.of(api, tmp_path)
    project = yaml.safe_load((tmp_path / "meltano.yml").read_text())
    (plugin,) = (it for it in project["plugins"]["extractors"] if it["name"] == "tap-dagctl-runs")
    plugin["select"] = ["runs.*", "!runs.pod_name"]
    # One is of a stream that is not selected.
    runs = {"__filter__": "id == 'run'", "error_message": "__NULL__", "loaded_by": "'me'"}
    plugin["config"] = {"stream_maps": {"runs": runs, "jobs": {"name": "__NULL__"}}}
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump(project))
    changes = {name: {"type": "string"} for name in ("queue", "duration_seconds", "priority")}
    meltano.environment |= {
        "PROJECT_ID": "finance",
        "TAP_DAGCTL_RUNS__METADATA": json.dumps({"runs": {"replication-method": "FULL_TABLE"}}),
        "TAP_DAGCTL_RUNS__SCHEMA": json.dumps({"runs": changes}),
    }
    quiet = meltano.run("tap-dagctl-runs", "target-jsonl")
    assert "is no setting" not in quiet
    assert "is not in the schema" not in quiet

    # One that is misspelt is told, of the loader as well.
    meltano.environment["TAP_DAGCTL_RUNS_STARTDATE"] = "2026-01-01"
    meltano.environment["TARGET_DUCKDB_HARD_DELET"] = "true"
    log = meltano.run("tap-dagctl-runs", "target-duckdb")
    told = "".join(sorted(line for line in log.splitlines() if "is no setting" in line))
    assert told.count("is no setting") == 2
    assert "TAP_DAGCTL_RUNS_STARTDATE is no setting of this tap" in told
    assert "is no setting of this target and is ignored: did you mean hard_delete?" in told

    (row,) = duckdb_at(tmp_path / WAREHOUSE).query("select * from dagctl.runs")
    assert not row.keys() & {"pod_name", "error_message"}
    assert (row["loaded_by"], row["duration_seconds"], row["queue"]) == ("me", "3.5", "big")
    assert (row["id"], row["priority"], row["additional_properties"]) == ("run", None, None)
    paths = [request.path for request in api.requests]
    assert {path.split("/")[4] for path in paths if "proj_" in path} == {"proj_b"}
    assert {path.rpartition("/")[2] for path in paths} == {"projects", "runs"}
    walks = [it.params for it in api.requests if it.path.endswith("/runs")]
    assert not any("updated_after" in params for params in walks)


def loaded(folder: Path) -> dict[str, list[str]]:
    """Return the rows that a run brought of streams with bookmarks, and forget them."""
    found = {}
    for stream in ("runs", "plans"):
        file = folder / "output" / f"{stream}.jsonl"
        if file.exists():
            found[stream] = sorted(json.loads(line)["id"] for line in file.read_text().splitlines())
            file.unlink()
    return found


def test_the_pages_commands_that_read_a_part_again_lose_no_bookmark(
    api: Api, tmp_path: Path
) -> None:
    for project in ("a", "b"):
        for table in ("runs", "plans"):
            api.world.put(table, f"proj_{project}", {"id": project})
    api.world.advance(hours=1)
    meltano = Meltano.of(api, tmp_path)

    def bookmarks() -> dict[tuple[str, str], Any]:
        text = meltano("state", "get", "dev:tap-dagctl-to-target-jsonl").stdout
        streams = json.loads(text)["singer_state"]["bookmarks"]
        return {
            (stream, part["context"]["project_id"]): part["replication_key_value"]
            for stream, bookmark in streams.items()
            for part in bookmark.get("partitions", ())
            if "replication_key_value" in part
        }

    meltano.run("tap-dagctl", "target-jsonl")
    assert loaded(tmp_path) == {"runs": ["a", "b"], "plans": ["a", "b"]}
    before = bookmarks()
    assert len(before) == 10
    for what, rows in COMES_AGAIN.items():
        command = COMMANDS[what].replace("target-duckdb", "target-jsonl")
        ended("sh", "-c", command, cwd=tmp_path, env=meltano.environment)
        assert loaded(tmp_path) == rows
    assert bookmarks() == before

    meltano.run("tap-dagctl", "target-jsonl")
    assert loaded(tmp_path) == {}


def test_after_one_that_is_stopped_the_next_run_resumes_from_what_the_target_passed_on(
    api: Api, tmp_path: Path
) -> None:
    keys = {f"run_{number}" for number in range(1_200)}
    for key in keys:
        api.world.advance(seconds=1)
        api.world.put("runs", "proj_a", {"id": key})
    api.world.advance(hours=1)
    meltano = Meltano.of(api, tmp_path)
    meltano.environment["TAP_DAGCTL_MAX_CONNECTIONS"] = "1"
    line = ["tap-dagctl-runs", "target-jsonl"]
    arrived, gate = threading.Event(), threading.Event()

    def hold(request: Request) -> None:
        # A page of the walk, and not the first: the rows before it have arrived.
        if int(request.params.get("page", "1")) > 1 and not gate.is_set():
            arrived.set()
            gate.wait(600)

    api.misbehave = hold
    for who in ("the tap", "everybody"):
        arrived.clear()
        gate.clear()
        with subprocess.Popen(
            [str(MELTANO), "run", *line],
            cwd=tmp_path,
            env=meltano.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as run:
            while not arrived.wait(0.1):
                assert run.poll() is None
            if who == "everybody":  # as Ctrl-C in a terminal does
                os.killpg(run.pid, signal.SIGINT)
            else:
                children = psutil.Process(run.pid).children()
                (tap,) = (it for it in children if Path(it.cmdline()[1]).name == "tap-dagctl")
                tap.terminate()
            gate.set()
            log, _ = run.communicate()
        assert run.returncode != 0
        said = Output(run.returncode, "", log).stderr
        assert "the next sync resumes from the last state that the target passed on" in said
        saved = json.loads(meltano("state", "get", "dev:tap-dagctl-runs-to-target-jsonl").stdout)
        assert saved["singer_state"]["bookmarks"]["runs"]["partitions"]

    meltano.run(*line)
    assert {*loaded(tmp_path)["runs"]} == keys
