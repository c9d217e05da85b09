"""What the SDK gives every tap, and a Meltano user expects to work."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from tests.support.at_request import refuse
from tests.support.catalogs import metadata
from tests.support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api
    from tests.support.syncs import Json, Output, Tap


@pytest.fixture
def api(api: Api) -> Api:
    for number in range(5):
        api.world.advance(minutes=1)
        run = {"id": f"run_{number}", "status": "success", "queue": {"name": "q", "at": {"n": 1}}}
        api.world.put("runs", "proj_a", run)
        api.world.put("executions", "proj_a", {"id": f"exec_{number}", "model_name": "orders"})
    api.world.advance(hours=1)
    return api


def test_a_property_that_is_not_selected_does_not_leave(catalog: Json, tap: Tap) -> None:
    metadata(catalog, "runs", "properties", "status")["selected"] = False
    # Not even the replication key is needed for the bookmark.
    metadata(catalog, "runs", "properties", "updated_at")["selected"] = False
    output = tap(catalog=catalog).succeeded

    assert len(output.records("runs")) == 5
    assert not any("status" in row for row in output.records("runs"))
    assert all("status" in row for row in output.records("model_executions"))


def test_rows_not_shown_are_named(api: Api, catalog: Json, tap: Tap) -> None:
    metadata(catalog, "runs")["forced-replication-method"] = "FULL_TABLE"
    api.is_hidden = lambda row: row["id"] == "run_3"
    output = tap(catalog=catalog).succeeded

    assert len(output.records("runs")) == 4
    line = "runs of proj_a: the API counts 5 rows and did not show 1 of them; the next sync reads "
    assert f"{line}everything again" in output.stderr


def test_flattening_unfolds_what_the_schema_names_and_keeps_the_rest_as_json(tap: Tap) -> None:
    output = tap(flattening_enabled=True, flattening_max_depth=3).succeeded

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


def metrics(output: Output) -> list[Json]:
    lines = [line.partition("METRIC: ") for line in output.stderr.splitlines()]
    return [json.loads(point) for _, title, point in lines if title]


ASKING = """
version: 1
disable_existing_loggers: false
loggers: {singer_sdk.metrics: {level: INFO}}
"""


@pytest.mark.parametrize(("level", "is_named"), [("info", False), ("info", True), ("debug", False)])
def test_metrics_if_asked_for(tmp_path: Path, tap: Tap, level: str, is_named: bool) -> None:
    (tmp_path / "logging.yaml").write_text(ASKING)
    named = {"SINGER_SDK_LOG_CONFIG": str(tmp_path / "logging.yaml")} if is_named else {}
    output = tap(environment={"TAP_DAGCTL_LOGLEVEL": level, **named})

    counted = {point["tags"]["stream"] for point in metrics(output)}
    assert counted == ({"projects", "runs"} | counted if is_named or level == "debug" else set())


def test_no_metric_of_a_test_that_went_well_says_failed(api: Api, tap: Tap) -> None:
    environment = {"TAP_DAGCTL_LOGLEVEL": "debug"}
    for exit_code, status in ((0, "succeeded"), (1, "failed")):
        output = tap("--test", environment=environment)
        timers = {it["tags"]["status"] for it in metrics(output) if it["type"] == "timer"}
        assert output.exit_code == exit_code
        assert status in timers
        assert (timers == {"succeeded"}) == (exit_code == 0)
        refuse(api, {"/runs": 403})


def test_the_log_level_can_be_chosen(tap: Tap) -> None:
    assert tap(environment={"TAP_DAGCTL_LOGLEVEL": "error"}).stderr == ""
    assert "| DEBUG" in tap(environment={"TAP_DAGCTL_LOGLEVEL": "debug"}).stderr
