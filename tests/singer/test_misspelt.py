"""What is configured under a name that nothing reads gets one warning, with the nearest name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from tap_dagctl import streams
from tap_dagctl.singer.misspelt import unknown_settings, unknown_streams
from tap_dagctl.tap import TapDagctl
from tests.support import troubleshooting
from tests.support.meltano import Meltano
from tests.support.syncs import Json, config_of, run_tap

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api

PREFIX = "TAP_DAGCTL_"
TapDagctl(config={}, validate_config=False)  # adds the SDK's own settings
KNOWN = {*TapDagctl.config_jsonschema["properties"], "loglevel"}


ROOT = PREFIX + "BATCH_CONFIG_STORAGE_ROOT"
OF_MELTANO = {"MELTANO_EXTRACTOR_NAME": "tap-dagctl", ROOT: "x"}
IGNORED = "is no setting of this tap and is ignored"


@pytest.mark.parametrize(
    ("config", "environ", "told"),
    [
        ({"startdate": 1}, {}, f"startdate {IGNORED}: did you mean start_date?"),
        (
            {},
            {f"{PREFIX}PROJECT_ID": "1"},
            f"{PREFIX}PROJECT_ID {IGNORED}: did you mean {PREFIX}PROJECT_IDS?",
        ),
        # Meltano hands on both of what its project has.
        (
            {"flattening_depth": 1},
            {f"{PREFIX}FLATTENING_DEPTH": "1"},
            f"flattening_depth {IGNORED}: did you mean flattening_max_depth?",
        ),
        ({"x": 1}, {}, f"x {IGNORED}: remove it"),
        (dict.fromkeys(KNOWN, 1), {PREFIX + name.upper(): "1" for name in KNOWN}, ""),
        ({}, {f"{PREFIX}STARTDATE": "", "OTHER": "1", "TARGET_POSTGRES_X": "1"}, ""),
        # What is inside an object is no variable.
        ({}, OF_MELTANO, f"{ROOT} {IGNORED}"),
        ({"batch_config": {"storage": {"root": "x"}}}, OF_MELTANO, ""),
    ],
)
def test_a_misspelt_name_says_the_nearest(config: Json, environ: Json, told: str) -> None:
    found = list(unknown_settings(config, environ, PREFIX, KNOWN))
    troubleshooting.check(found)
    assert len(found) == bool(told)
    assert "".join(found).startswith(told)


@pytest.mark.parametrize(
    ("stream_maps", "names"),
    [
        ({"rums": {"pod_name": None}}, ["rums: did you mean runs?"]),
        ({"runs_*": None}, ["runs_*: did you mean runs?"]),
        ({"qqq": None}, [f"qqq: there are {', '.join(streams.BY_NAME)}"]),
        ({"*": {}, "run*": {}, "members": {}, "__else__": None}, []),
        ({"copy": {"__source__": "runs"}}, []),
        ({"copy": {"__source__": "rums"}}, ["rums: did you mean runs?"]),
        ({"copy": {"__source__": 5}}, [f"5: there are {', '.join(streams.BY_NAME)}"]),
    ],
)
def test_a_map_of_no_stream_is_told(stream_maps: Json, names: list[str]) -> None:
    found = list(unknown_streams(stream_maps, streams.BY_NAME))
    troubleshooting.check(found)
    assert found == [f"stream_maps: no stream is called {name}" for name in names]


def test_each_is_told_once_and_before_what_is_missing(api: Api, tmp_path: Path) -> None:
    config = config_of(api, stream_maps={"rums": {}})
    config["api_tokn"] = config.pop("api_token")
    output = run_tap(tmp_path, config, environment={"TAP_DAGCTL_STARTDATE": "2026-01-01"})

    assert [line.split("| ")[-1].split(" ")[0] for line in output.warnings] == [
        "api_tokn",
        "TAP_DAGCTL_STARTDATE",
        "stream_maps:",
    ]
    assert "'api_token' is a required property" in output.error


def test_it_is_told_in_discovery_as_well(tmp_path: Path) -> None:
    # Else the catalog lacks what somebody asked for, without a word.
    output = run_tap(tmp_path, {"include_sensitve": True}, "--discover")

    # The first is the SDK's: the configuration is not complete.
    _, warning = output.warnings
    assert "did you mean include_sensitive?" in warning


@pytest.mark.programs
def test_what_meltano_sets_is_quiet_and_a_misspelt_name_is_not(api: Api, tmp_path: Path) -> None:
    meltano = Meltano.of(api, tmp_path)
    project = yaml.safe_load((tmp_path / "meltano.yml").read_text())
    config = {"stream_maps": {"runs": {"pod_name": "__NULL__", "__filter__": "True"}}}
    project["plugins"]["extractors"][1]["config"] = config
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump(project))
    meltano.environment["TAP_DAGCTL__METADATA"] = json.dumps({})
    log = meltano.run("tap-dagctl-runs", "target-duckdb")
    assert "is no setting" not in log

    meltano.environment["TAP_DAGCTL_RUNS_STARTDATE"] = "2026-01-01"
    meltano.environment["TARGET_DUCKDB_HARD_DELET"] = "true"
    log = meltano.run("tap-dagctl-runs", "target-duckdb")
    told = [line for line in log.splitlines() if "is no setting" in line]
    assert len(told) == 2, told
    assert "TAP_DAGCTL_RUNS_STARTDATE is no setting" in told[0] + told[1]
    assert (
        "HARD_DELET is no setting of this target and is ignored: did you mean hard_delete?"
        in told[0] + told[1]
    )
