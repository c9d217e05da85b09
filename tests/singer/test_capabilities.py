"""What the SDK gives every tap, and a Meltano user expects to work."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from tests.support.at_request import refuse
from tests.support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api
    from tests.support.syncs import Json, Output, Tap

(DOCUMENTED,) = re.findall(
    "```yaml\n(.*?)```", (ROOT / "docs" / "orchestrators.md").read_text(), re.DOTALL
)
ASKING = """
version: 1
disable_existing_loggers: false
loggers: {singer_sdk.metrics: {level: INFO}}
"""


def test_flattening_keeps_what_the_schema_does_not_name_as_json(api: Api, tap: Tap) -> None:
    api.world.put("runs", "proj_a", {"id": "run", "queue": {"at": {"n": 1}}})
    output = tap(flattening_enabled=True, flattening_max_depth=3).succeeded

    (row,) = output.records("runs")
    assert json.loads(row["additional_properties"]) == {"queue": {"at": {"n": 1}}}
    assert {it.headers["user-agent"] for it in api.requests} == {
        f"tap-dagctl/{version('tap-dagctl')}"
    }


def logging_with(tap: Tap, tmp_path: Path, configuration: str) -> Output:
    (tmp_path / "logging.yaml").write_text(configuration)
    return tap(environment={"SINGER_SDK_LOG_CONFIG": str(tmp_path / "logging.yaml")}).succeeded


def test_the_documented_logging_configuration_writes_json(tmp_path: Path, tap: Tap) -> None:
    output = logging_with(tap, tmp_path, DOCUMENTED)
    lines = [json.loads(line) for line in output.stderr.splitlines()]
    assert "tap-dagctl.projects" in {line["logger_name"] for line in lines}


def metrics(output: Output) -> list[Json]:
    lines = [line.partition("METRIC: ") for line in output.stderr.splitlines()]
    return [json.loads(point) for _, title, point in lines if title]


def test_metrics_come_only_if_asked_for(tmp_path: Path, tap: Tap) -> None:
    asked = logging_with(tap, tmp_path, ASKING)
    assert {point["tags"]["stream"] for point in metrics(asked)} >= {"projects", "runs"}
    assert metrics(tap()) == []
    assert tap(environment={"TAP_DAGCTL_LOGLEVEL": "error"}).stderr == ""


@pytest.mark.parametrize(("exit_code", "status"), [(0, "succeeded"), (1, "failed")])
def test_the_timers_of_a_connection_test_say_how_it_ended(
    api: Api, tap: Tap, exit_code: int, status: str
) -> None:
    if exit_code:
        refuse(api, {"/runs": 403})
    output = tap("--test", environment={"TAP_DAGCTL_LOGLEVEL": "debug"})

    assert output.exit_code == exit_code
    timers = {it["tags"]["status"] for it in metrics(output) if it["type"] == "timer"}
    assert timers == {status}
