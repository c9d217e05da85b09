"""meltano.yml as a user runs it: settings from the environment, jobs, schedules, their states."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import duckdb
import yaml

from tests.support.meltano import WAREHOUSE, Meltano
from tests.support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from stand_in.server import Api


def state_of(meltano: Meltano, state_id: str) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(meltano("state", "get", state_id).stdout)
    bookmarks: dict[str, Any] = state["singer_state"]["bookmarks"]
    return bookmarks


def test_each_schedule_has_a_state_of_its_own(api: Api, tmp_path: Path) -> None:
    api.world.put("runs", "proj_a", {"id": "run"})
    meltano = Meltano.of(api, tmp_path)
    listed = json.loads(meltano("schedule", "list", "--format", "json").stdout)
    intervals = {job["name"]: job["interval"] for job in listed["schedules"]["job"]}
    assert intervals == {
        "runs-every-10-minutes": "*/10 * * * *",
        "statistics-daily": "5 5 * * *",
    }

    # The answers are built by the daily one, at first before any run has been loaded.
    for _ in range(2):
        for name in ("statistics-daily", "runs-every-10-minutes"):
            done = meltano("schedule", "run", name)
            assert done.returncode == 0, done.stdout + done.stderr

    runs = state_of(meltano, "dev:tap-dagctl-runs-to-target-duckdb")
    statistics = state_of(meltano, "dev:tap-dagctl-statistics-to-target-duckdb")
    assert set(runs) == {"projects", "runs", "model_executions", "syncs"}
    assert set(statistics) == {"projects", "daily_stats", "model_stats", "jobs", "plans", "syncs"}
    with duckdb.connect(str(tmp_path / WAREHOUSE), read_only=True) as connection:
        assert connection.sql("select id from dagctl.runs").fetchall() == [("run",)]
        assert connection.sql("select total_runs from dagctl.daily_stats").fetchall() == [(1,)]
        days = connection.sql("select project_name, total_runs from dagctl_answers.run_days")
        assert days.fetchall() == [("sales", 1)]
    # The second round asked from the bookmarks of the first.
    asked = [request.params for request in api.requests if request.path.endswith("proj_a/runs")]
    assert ["updated_after" in params for params in asked] == [False, True]


def test_the_customary_variables_configure_the_tap(api: Api, tmp_path: Path) -> None:
    meltano = Meltano.of(api, tmp_path)
    meltano.environment["PROJECT_ID"] = "finance"
    meltano.run("tap-dagctl", "target-jsonl")
    assert {request.path.split("/")[4] for request in api.requests if "proj_" in request.path} == {
        "proj_b"
    }


def test_nothing_of_a_real_account_reaches_the_made_up_one(
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
    meltano = Meltano.of(api, tmp_path)
    assert "of a real account" not in meltano.environment.values()

    meltano.run("tap-dagctl", "target-duckdb")
    assert (tmp_path / WAREHOUSE).exists()


def test_full_table_and_selection_by_meltano(api: Api, tmp_path: Path) -> None:
    api.world.put("runs", "proj_a", {"id": "run"})
    meltano = Meltano.of(api, tmp_path)
    method = {"runs": {"replication-method": "FULL_TABLE"}}
    meltano.environment["TAP_DAGCTL__METADATA"] = json.dumps(method)
    meltano.environment["TAP_DAGCTL__SELECT"] = json.dumps(["runs.*", "!runs.pod_name"])
    for _ in range(2):
        meltano.run("tap-dagctl", "target-jsonl")

    lines = (tmp_path / "output" / "runs.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["run", "run"]
    assert "pod_name" not in json.loads(lines[0])
    assert not any("executions" in request.path for request in api.requests)


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


def test_a_map_in_a_variable_is_applied(api: Api, tmp_path: Path) -> None:
    api.world.put("runs", "proj_a", {"id": "run", "error_message": "the password is …"})
    api.world.put("runs", "proj_a", {"id": "other"})
    meltano = Meltano.of(api, tmp_path)
    maps = {"runs": {"__filter__": "id == 'run'", "error_message": "__NULL__"}}
    meltano.environment["TAP_DAGCTL_STREAM_MAPS"] = json.dumps(maps)
    meltano.run("tap-dagctl-runs", "target-jsonl")

    (line,) = (tmp_path / "output" / "runs.jsonl").read_text().splitlines()
    assert json.loads(line)["id"] == "run"
    assert "error_message" not in json.loads(line)


def test_meltano_says_why_when_a_setting_is_missing(api: Api, tmp_path: Path) -> None:
    meltano = Meltano.of(api, tmp_path)
    del meltano.environment["DAGCTL_TOKEN"]
    done = meltano("run", "tap-dagctl", "target-jsonl")

    assert done.returncode == 1
    assert "'api_token' is a required property" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert api.requests == []


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
