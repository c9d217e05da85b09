"""What the environment says: settings with `--config ENV`, and logging."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_dagctl.errors import one_line
from tap_dagctl.singer.environment import value_of
from tests.support.syncs import Output, config_of, run_tap

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api

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
    output = run(api, tmp_path, SINGER_SDK_LOG_CONFIG="", **variables).succeeded

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
