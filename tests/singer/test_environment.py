"""Settings and logging of the environment, and names that nothing reads: one warning each."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stand_in.server import Api
from tap_dagctl import streams
from tap_dagctl.errors import one_line
from tap_dagctl.singer.environment import value_of
from tap_dagctl.singer.misspelt import unknown_settings, unknown_streams
from tap_dagctl.tap import TapDagctl
from tests.support import troubleshooting
from tests.support.at_request import refuse
from tests.support.project import ROOT
from tests.support.syncs import Json, Output, Tap, config_of, run_tap

PREFIX = "TAP_DAGCTL_"


def run(api: Api, directory: Path, **environment: str) -> Output:
    """Run the tap with nothing but the environment."""
    settings = {f"{PREFIX}{name.upper()}": value for name, value in config_of(api).items()}
    return run_tap(directory, None, "--config=ENV", environment={**settings, **environment})


@pytest.mark.parametrize(
    "environment",
    [
        {"REQUEST_TIMEOUT": "2.5", "PAGE_SIZE": " 50 ", "OVERLAP_SECONDS": "0"},
        {"FLATTENING_ENABLED": "On", "FLATTENING_MAX_DEPTH": "2", "STREAM_MAPS": '{"jobs": null}'},
        # What is empty is as good as unset.
        {"PAGE_SIZE": "", "START_DATE": "", "PROJECT_IDS": "", "LOGLEVEL": ""},
        {"EMIT_ACTIVATE_VERSION_MESSAGES": "false", "LOGLEVEL": "Warning"},
    ],
)
def test_what_can_be_used_is(api: Api, tmp_path: Path, environment: dict[str, str]) -> None:
    variables = {f"{PREFIX}{name}": text for name, text in environment.items()}
    # The tap's own level goes before that of all programs.
    other = {"SINGER_SDK_LOG_CONFIG": "", "LOGLEVEL": "x" if environment.get("LOGLEVEL") else ""}
    output = run(api, tmp_path, **other, **variables).succeeded

    assert output.ids("projects") == ["proj_a", "proj_b"]


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("REQUEST_TIMEOUT", "nan", "TAP_DAGCTL_REQUEST_TIMEOUT is not a number"),
        ("REQUEST_TIMEOUT", "0", "0 in config['request_timeout'] (TAP_DAGCTL_REQUEST_TIMEOUT);"),
        ("PROJECT_IDS", '["sales"', "TAP_DAGCTL_PROJECT_IDS is not a list in JSON, like"),
        ("PROJECT_IDS", "[7]", "in config['project_ids'][0] (TAP_DAGCTL_PROJECT_IDS);"),
        ("FLATTENING_ENABLED", "maybe", "TAP_DAGCTL_FLATTENING_ENABLED is not true or false"),
        ("STREAM_MAPS", "[]", "TAP_DAGCTL_STREAM_MAPS is not an object in JSON"),
        ("START_DATE", "yesterday", "start_date 'yesterday' is not a date"),
        ("API_TOKEN", "", "api_token is not a non-empty string (TAP_DAGCTL_API_TOKEN);"),
        ("BATCH_CONFIG", '{"storage": {}}', "batch_config cannot be used: Object missing requ"),
        ("EMIT_ACTIVATE_VERSION_MESSAGES", "1", "emit_activate_version_messages is not supported"),
    ],
)
def test_the_variable_is_named(api: Api, tmp_path: Path, name: str, text: str, line: str) -> None:
    output = run(api, tmp_path, **{f"{PREFIX}{name}": text})

    assert line in output.error
    assert f"{PREFIX}{name}" in output.error
    assert api.requests == []


LOG_CONFIGS = {
    "empty": "",
    "not YAML": "version: [",
    "a file that cannot be": (
        "{version: 1, handlers: {a: {class: logging.FileHandler, filename: /nowhere/at/all}}}"
    ),
    "no such level": "{version: 1, root: {level: LOUD}}",
    "no such field": (
        "{version: 1, formatters: {f: {format: '%(nope)s'}}, "
        "handlers: {h: {class: logging.StreamHandler, formatter: f}}, root: {handlers: [h]}}"
    ),
}


@pytest.mark.parametrize("what", [*LOG_CONFIGS, "nowhere", ".", "x" * 300, "10"])
def test_logging_that_cannot_be_set_up_is_one_line(api: Api, tmp_path: Path, what: str) -> None:
    if what in LOG_CONFIGS:
        (tmp_path / "logging.yaml").write_text(LOG_CONFIGS[what])
    name = str(tmp_path / "logging.yaml") if what in LOG_CONFIGS else what
    line = f"SINGER_SDK_LOG_CONFIG names {one_line(name)!r}, which is no logging configuration"
    variable = "SINGER_SDK_LOG_CONFIG"
    if what == "10":
        variable, line = "LOGLEVEL", "LOGLEVEL is '10': write debug, info, warning, error or"
    output = run(api, tmp_path, **{variable: name})

    assert output.exit_code == 1
    (said,) = output.stderr.splitlines()
    assert said.startswith(f"tap-dagctl: {line}")
    assert (output.stdout, api.requests) == ("", [])


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_is_itself(number: float) -> None:
    value = value_of(f" {number}", ["integer", "number", "null"], "VARIABLE")

    assert (value, type(value)) == (number, type(number))


(DOCUMENTED,) = re.findall(
    "```yaml\n(.*?)```", (ROOT / "docs" / "orchestrators.md").read_text(), re.DOTALL
)
ASKING = """
version: 1
disable_existing_loggers: false
loggers: {singer_sdk.metrics: {level: INFO}}
"""


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
    # That a test stops after a record is no failure.
    for status in ("succeeded", "failed"):
        tested = metrics(tap("--test", environment={"TAP_DAGCTL_LOGLEVEL": "debug"}))
        assert {it["tags"]["status"] for it in tested if it["type"] == "timer"} == {status}
        refuse(tap.api, {"/projects": 403})
    tap.api.misbehave = lambda _: None
    assert tap(environment={"TAP_DAGCTL_LOGLEVEL": "error"}).stderr == ""


TapDagctl(config={}, validate_config=False)  # adds the SDK's own settings
KNOWN = {*TapDagctl.config_jsonschema["properties"], "loglevel"}
STORAGE = PREFIX + "BATCH_CONFIG_STORAGE_ROOT"
OF_MELTANO = {"MELTANO_EXTRACTOR_NAME": "tap-dagctl", STORAGE: "x"}
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
        ({}, OF_MELTANO, f"{STORAGE} {IGNORED}"),
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
