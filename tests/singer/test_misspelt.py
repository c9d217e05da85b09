"""What is configured under a name that nothing reads gets one warning, with the nearest name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_dagctl import streams
from tap_dagctl.singer.misspelt import unknown_settings, unknown_streams
from tap_dagctl.tap import TapDagctl
from tests.support import troubleshooting
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
        ({"runs_*": None}, ["runs_*: did you mean runs?"]),
        ({"qqq": None}, [f"qqq: there are {', '.join(streams.BY_NAME)}"]),
        ({"*": {}, "run*": {}, "members": {}, "__else__": None}, []),
        ({"copy": {"__source__": "runs"}, "other": {"__source__": "rums"}}, ["rums: did you mean"]),
    ],
)
def test_a_map_of_no_stream_is_told(stream_maps: Json, names: list[str]) -> None:
    found = list(unknown_streams(stream_maps, streams.BY_NAME))
    for line, name in zip(found, names, strict=True):
        assert line.startswith(f"stream_maps: no stream is called {name}")


@pytest.mark.parametrize("options", [(), ("--discover",)])
def test_each_is_told_once_and_before_what_is_missing(
    api: Api, tmp_path: Path, options: tuple[str, ...]
) -> None:
    config = config_of(api, stream_maps={"rums": {}})
    config["api_tokn"] = config.pop("api_token")
    environment = {"TAP_DAGCTL_STARTDATE": "2026-01-01"}
    output = run_tap(tmp_path, config, *options, environment=environment)

    assert [line.split("| ")[-1].split(" ")[0] for line in output.warnings][-3:] == [
        "api_tokn",
        "TAP_DAGCTL_STARTDATE",
        "stream_maps:",
    ]
    # The catalog can be had without a token.
    assert ("'api_token' is a required property" in output.stderr) == (not options)
