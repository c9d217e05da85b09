"""What the SDK gives every tap, and a Meltano user expects to work."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

from stand_in.server import Reply
from tests.support.project import ROOT
from tests.support.syncs import Output, Tap, config_of, run_tap, selecting

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api


@pytest.fixture
def api(api: Api) -> Api:
    for number in range(5):
        api.world.advance(minutes=1)
        run = {"id": f"run_{number}", "status": "success", "queue": {"name": "q", "at": {"n": 1}}}
        api.world.put("runs", "proj_a", run)
        execution = {
            "id": f"exec_{number}",
            "run_id": f"run_{number}",
            "model_name": "sales.orders",
        }
        api.world.put("executions", "proj_a", execution)
    api.world.advance(hours=1)
    return api


@pytest.fixture
def catalog(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run_tap(tmp_path, None, "--discover").stdout)
    return found


def metadata_of(catalog: dict[str, Any], stream: str, *breadcrumb: str) -> dict[str, Any]:
    (entry,) = (entry for entry in catalog["streams"] if entry["tap_stream_id"] == stream)
    (found,) = (item for item in entry["metadata"] if item["breadcrumb"] == list(breadcrumb))
    metadata: dict[str, Any] = found["metadata"]
    return metadata


def test_a_stream_that_is_not_selected_is_not_asked_for(
    api: Api, catalog: dict[str, Any], tap: Tap
) -> None:
    output = tap(catalog=selecting(catalog, ["runs"]))

    assert output.exit_code == 0, output.stderr
    assert {m["stream"] for m in output.messages if m["type"] == "RECORD"} == {"runs"}
    assert len(output.records("runs")) == 5
    assert {request.path for request in api.requests} == {
        "/api/v1/projects",
        "/api/v1/projects/proj_a/runs",
        "/api/v1/projects/proj_b/runs",
    }


def test_a_property_that_is_not_selected_does_not_leave(catalog: dict[str, Any], tap: Tap) -> None:
    metadata_of(catalog, "runs", "properties", "status")["selected"] = False
    # Not even the replication key is needed for the bookmark.
    metadata_of(catalog, "runs", "properties", "updated_at")["selected"] = False
    output = tap(catalog=catalog)

    assert output.exit_code == 0, output.stderr
    assert len(output.records("runs")) == 5
    assert not any("status" in row for row in output.records("runs"))
    assert all("status" in row for row in output.records("model_executions"))


def test_rows_that_a_full_table_read_is_not_shown_are_named(
    api: Api, catalog: dict[str, Any], tap: Tap
) -> None:
    metadata_of(catalog, "runs")["forced-replication-method"] = "FULL_TABLE"
    api.is_hidden = lambda row: row["id"] == "run_3"
    output = tap(catalog=catalog)

    assert output.exit_code == 0, output.stderr
    assert len(output.records("runs")) == 4
    line = "runs of proj_a: the API counts 5 rows and did not show 1 of them; the next sync reads "
    assert f"{line}everything again" in output.stderr


def test_stream_maps_rename_drop_and_filter(tap: Tap) -> None:
    maps = {
        "runs": {
            "__alias__": "dagctl_runs",
            "__filter__": "record['id'] != 'run_0'",
            "state": "record['status'].upper()",
            "status": None,
        },
        "model_executions": None,
    }
    output = tap(stream_maps=maps)

    assert output.exit_code == 0, output.stderr
    assert sorted(row["id"] for row in output.records("dagctl_runs")) == [
        "run_1",
        "run_2",
        "run_3",
        "run_4",
    ]
    assert {row["state"] for row in output.records("dagctl_runs")} == {"SUCCESS"}
    assert not any("status" in row for row in output.records("dagctl_runs"))
    assert output.records("runs") == output.records("model_executions") == []


def test_flattening_unfolds_what_the_schema_names_and_keeps_the_rest_as_json(
    api: Api, tmp_path: Path
) -> None:
    settings = config_of(api, flattening_enabled=True, flattening_max_depth=3)
    output = run_tap(tmp_path, settings)

    assert output.exit_code == 0, output.stderr
    (row, *_) = output.records("runs")
    assert json.loads(row["additional_properties"]) == {"queue": {"name": "q", "at": {"n": 1}}}


def test_requests_name_the_tap_and_its_version(api: Api, tap: Tap) -> None:
    tap()
    expected = f"tap-dagctl/{version('tap-dagctl')}"

    assert {request.headers["user-agent"] for request in api.requests} == {expected}


def test_logs_take_the_shape_a_configuration_gives_them(tmp_path: Path, tap: Tap) -> None:
    page = (ROOT / "docs" / "orchestrators.md").read_text()
    (written,) = re.findall("```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "logging.yaml").write_text(written)
    environment = {"SINGER_SDK_LOG_CONFIG": str(tmp_path / "logging.yaml")}
    output = tap(environment=environment)

    lines = [json.loads(line) for line in output.stderr.splitlines()]
    assert "tap-dagctl.projects" in {line["logger_name"] for line in lines}
    assert "METRIC" not in output.stderr


def metrics(output: Output) -> list[dict[str, Any]]:
    lines = [line.partition("METRIC: ") for line in output.stderr.splitlines()]
    return [json.loads(point) for _, title, point in lines if title]


ASKING = """
version: 1
disable_existing_loggers: false
loggers: {singer_sdk.metrics: {level: INFO}}
"""


@pytest.mark.parametrize("level", ["info", "debug"])
@pytest.mark.parametrize("is_named", [False, True])
def test_metrics_come_if_they_are_asked_for(
    tmp_path: Path, tap: Tap, level: str, is_named: bool
) -> None:
    (tmp_path / "logging.yaml").write_text(ASKING)
    environment = {"TAP_DAGCTL_LOGLEVEL": level}
    if is_named:
        environment["SINGER_SDK_LOG_CONFIG"] = str(tmp_path / "logging.yaml")
    output = tap(environment=environment)

    counted = {point["tags"]["stream"] for point in metrics(output)}
    assert counted == ({"projects", "runs"} | counted if is_named or level == "debug" else set())


def test_no_metric_of_a_test_that_went_well_says_failed(api: Api, tap: Tap) -> None:
    for number in range(3):
        api.world.put("runs", "proj_a", {"id": f"run_{number}"})
    environment = {"TAP_DAGCTL_LOGLEVEL": "debug"}
    output = tap("--test", environment=environment)
    points = metrics(output)

    assert output.exit_code == 0
    timers = [point["tags"]["status"] for point in points if point["type"] == "timer"]
    assert timers
    assert set(timers) == {"succeeded"}
    api.misbehave = lambda request: Reply(403, b"{}") if request.path.endswith("/runs") else None
    failed = tap("--test", environment=environment)
    assert failed.exit_code == 1
    assert "failed" in {point["tags"].get("status") for point in metrics(failed)}


def test_the_log_level_can_be_chosen(api: Api, tap: Tap) -> None:
    quiet = tap(environment={"TAP_DAGCTL_LOGLEVEL": "error"})
    loud = tap(environment={"TAP_DAGCTL_LOGLEVEL": "debug"})

    assert quiet.stderr == ""
    assert "| DEBUG" in loud.stderr
    assert api.world.token not in loud.stderr
