"""meltano.yml as a user runs it: settings from the environment, jobs, schedules, their states."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import duckdb
import yaml

from stand_in.meltano import MELTANO
from tests.support.meltano import Meltano
from tests.support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from stand_in.server import Api


def test_what_variables_say_reaches_the_tap_and_nothing_of_a_real_account(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "DAGCTL_TOKEN",
        "PROJECT_ID",
        "TAP_DAGCTL_API_TOKEN",
        "TAP_DAGCTL_PROJECT_IDS",
        "TARGET_DUCKDB_FILEPATH",
        "DBT_TARGET_PATH",
        "MELTANO_DATABASE_URI",
    ):
        monkeypatch.setenv(name, "of a real account")
    api.world.put("runs", "proj_b", {"id": "run", "error_message": "the password is …"})
    api.world.put("runs", "proj_b", {"id": "other"})
    meltano = Meltano.of(api, tmp_path)
    assert "of a real account" not in meltano.environment.values()
    maps = {"runs": {"__filter__": "id == 'run'", "error_message": "__NULL__"}}
    meltano.environment |= {
        "PROJECT_ID": "finance",
        "TAP_DAGCTL__METADATA": json.dumps({"runs": {"replication-method": "FULL_TABLE"}}),
        "TAP_DAGCTL__SELECT": json.dumps(["runs.*", "!runs.pod_name"]),
        "TAP_DAGCTL_STREAM_MAPS": json.dumps(maps),
    }
    for _ in range(2):
        meltano.run("tap-dagctl", "target-jsonl")

    lines = (tmp_path / "output" / "runs.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["id"] for row in rows] == ["run", "run"]
    assert not rows[0].keys() & {"pod_name", "error_message"}
    paths = [request.path for request in api.requests]
    assert {path.split("/")[4] for path in paths if "proj_" in path} == {"proj_b"}
    assert not any("executions" in path for path in paths)


def test_a_map_may_name_streams_that_an_inheriting_plugin_does_not_select(
    api: Api, tmp_path: Path
) -> None:
    api.world.put("runs", "proj_a", {"id": "run"})
    meltano = Meltano.of(api, tmp_path)
    project = yaml.safe_load((tmp_path / "meltano.yml").read_text())
    (plugin,) = (it for it in project["plugins"]["extractors"] if it["name"] == "tap-dagctl-runs")
    plugin["select"] = ["runs.*"]
    maps = {"*": {"loaded_by": "'meltano'"}, "jobs": {"name": "__NULL__"}}
    plugin["config"] = {"stream_maps": maps}
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump(project))
    meltano.run("tap-dagctl-runs", "target-jsonl")

    (line,) = (tmp_path / "output" / "runs.jsonl").read_text().splitlines()
    assert (json.loads(line)["id"], json.loads(line)["loaded_by"]) == ("run", "meltano")
    assert [file.name for file in (tmp_path / "output").glob("*.jsonl")] == ["runs.jsonl"]


PAGE = (ROOT / "docs" / "meltano.md").read_text()
COMMANDS = dict(re.findall(r"^# (one \w+)\n((?:.*\\\n)*.*)\n", PAGE, re.MULTILINE))
COMES_AGAIN = {"one stream": {"runs": ["a", "b"]}, "one project": {"runs": ["a"], "plans": ["a"]}}


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
    path = f"{MELTANO.parent}:{os.environ['PATH']}"
    environment = {**meltano.environment, "PATH": path}
    for what, rows in COMES_AGAIN.items():
        command = COMMANDS[what].replace("target-duckdb", "target-jsonl")
        subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, check=True)
        assert loaded(tmp_path) == rows
    assert bookmarks() == before

    meltano.run("tap-dagctl", "target-jsonl")
    assert loaded(tmp_path) == {}
    assert bookmarks().keys() == before.keys()


def loaded(folder: Path) -> dict[str, list[str]]:
    """Return the rows that a run brought of streams with bookmarks, and forget them."""
    found = {}
    for stream in ("runs", "plans"):
        file = folder / "output" / f"{stream}.jsonl"
        if file.exists():
            found[stream] = sorted(json.loads(line)["id"] for line in file.read_text().splitlines())
            file.unlink()
    return found


def test_one_duckdb_writes_builds_and_reads() -> None:
    project = yaml.safe_load((ROOT / "meltano.yml").read_text())
    urls = {
        plugin["name"]: plugin.get("pip_url")
        for kind in ("loaders", "utilities")
        for plugin in project["plugins"][kind]
    }
    for name in ("target-duckdb", "dbt"):
        pins = [it for it in shlex.split(urls[name]) if it.startswith("duckdb==")]
        versions = [pin.partition(";")[0] for pin in pins]
        assert f"duckdb=={duckdb.__version__}" in versions, name
