"""The command's options, and one clear line for everything a user can get wrong."""

from __future__ import annotations

import json
import signal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from stand_in.server import Api
from tap_dagctl import streams
from tests.support.catalogs import selecting
from tests.support.syncs import Json, Tap, config_of, in_files, run_program, run_tap

STREAMS = {stream.name for stream in streams.STREAMS if not stream.is_sensitive}
NO_GZIP = {"format": "jsonl", "compression": "none"}


def test_about_and_discover_need_neither_network_nor_credentials(tmp_path: Path) -> None:
    said = " ".join(run_tap(tmp_path, None, "--about").stdout.split())
    about = json.loads(run_tap(tmp_path, None, "--about", "--format", "json").stdout)
    catalog = json.loads(run_tap(tmp_path, None, "--discover").stdout)

    for name, setting in about["settings"]["properties"].items():
        assert setting["title"], name
        assert f" {name} (" in said
        assert " ".join(setting["description"].split()) in said
        assert f"Environment variable: TAP_DAGCTL_{name.upper()} " in f"{said} "
    for line in (
        "api_token (string, secret; required)",
        "page_size (integer, 1 to 500; default 500)",
        "request_timeout (number, > 0, at most 86400; default 60)",
        "include_sensitive (boolean; default false)",
        "batch_config.encoding.format (string, one of jsonl, parquet)",
    ):
        assert f" {line} " in said
    assert "activate-version" not in about["capabilities"]
    assert {entry["tap_stream_id"] for entry in catalog["streams"]} == STREAMS
    for entry in catalog["streams"]:
        for name, field in entry["schema"]["properties"].items():
            assert field["description"].endswith("."), (entry["tap_stream_id"], name)


def files(**change: Any) -> Json:
    return {"batch_config": {**in_files(Path("/nowhere")), **change}}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"api_token": None}, "api_token is not a non-empty string"),
        ({"api_token": " \n"}, "api_token is empty or has characters no HTTP header can carry"),
        ({"user_agent": "tap\r\nX: y"}, "user_agent is empty or has characters no HTTP header"),
        ({"user_agent": "tap—"}, "user_agent is empty or has characters no HTTP header"),
        ({"organization_id": ""}, "organization_id is not a non-empty string"),
        ({"organization_id": "\t"}, "organization_id is empty or has characters no HTTP header"),
        ({"page_size": 501}, "501 is greater than the maximum of 500 in config['page_size']"),
        ({"api_url": "http://dagctl.example"}, "api_url sends the token unencrypted to"),
        ({"api_url": "dagctl.example"}, "api_url is not an http(s) URL: write it like"),
        ({"api_url": "https://u:p@dagctl.example"}, "api_url has credentials, a query"),
        ({"api_url": "https://dagctl.example:port"}, "api_url is not a URL"),
        ({"start_date": "yesterday"}, "'yesterday' is not a date: write it like 2026-01-31"),
        ({"refused_projects": "Warn"}, "'Warn' is not one of ['fail', 'warn']"),
        ({"stream_maps": {"runs": {"x": "1 +"}}}, "Failed to parse expression 1 +"),
        ({"stream_maps": {"runs": {"x": ""}}}, "cannot be read: IndexError"),
        ({"stream_maps": {"__else__": "x"}}, "cannot be read: AttributeError"),
        (
            files(encoding={"format": "parquet"}),
            "batch_config: parquet needs pyarrow, which is not",
        ),
        # The SDK writes gzip all the same, and a target would believe the message.
        (files(encoding=NO_GZIP), "batch_config: jsonl is always written with gzip: set"),
        (files(encoding={"format": "jsonl"}), "batch_config: jsonl is always written with gzip"),
        (files(storage={"prefix": "x"}), "Object missing required field `root` - at `$.storage`"),
        # The SDK would read nothing, and end with 0.
        (files(batch_size=0), "Expected `int` >= 1 - at `$.batch_size`"),
        (files(size=1), "Object contains unknown field `size`"),
    ],
)
def test_a_setting_that_cannot_be_used(tap: Tap, change: Json, line: str) -> None:
    assert line in tap.refused(**change)


def test_missing_credentials_are_a_line_each(tmp_path: Path) -> None:
    output = run_tap(tmp_path, {"page_size": 10})

    assert output.exit_code == 1
    for error, name in zip(output.errors, ("api_token", "organization_id"), strict=True):
        assert f"'{name}' is a required property; `tap-dagctl --about` describes every" in error


@pytest.mark.parametrize("option", ["--config", "--state", "--catalog"])
@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[1]", "\x00\xff", '{"bookmarks": NaN}', '{"bookmarks": 1e999}'),
        *('{"\\udc00": 1}', '{"x": ' + "[" * 100_000 + "]" * 100_000 + "}"),
    ],
)
def test_a_file_without_an_object(tmp_path: Path, tap: Tap, option: str, content: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(content, encoding="latin-1")
    assert tap.refused(option, str(path)).startswith(f"{option} {path} ")


@pytest.mark.parametrize(
    ("option", "content", "advice"),
    [
        ("--state", b"\n", "or {} to read everything again"),
        ("--state", "\r\n".encode("utf-16"), "or {} to read everything again"),
        ("--catalog", b"", "`tap-dagctl --discover`"),
    ],
)
def test_an_empty_file_says_what_to_do(
    tmp_path: Path, tap: Tap, option: str, content: bytes, advice: str
) -> None:
    """It may be all that a full disk left, or PowerShell."""
    path = tmp_path / "empty.json"
    path.write_bytes(content)
    line = tap.refused(option, str(path))
    assert line.startswith(f"{option} {path} is empty: ")
    assert line.endswith(advice)


def test_a_config_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    output = run_tap(tmp_path, None, "--config", "nowhere.json")
    assert "--config nowhere.json cannot be read" in output.error


@pytest.mark.parametrize(
    ("encoding", "locale"), [("utf-8-sig", "C.UTF-8"), ("utf-16", "C"), ("utf-16-le", "POSIX")]
)
def test_files_are_read_as_windows_writes_them(
    api: Api, tmp_path: Path, tap: Tap, catalog: Json, encoding: str, locale: str
) -> None:
    api.world.put("runs", "proj_a", {"id": "run"})
    api.world.advance(hours=1)
    selected = {**selecting(catalog, ["runs"]), "made by": "Zoë"}
    files = {"config": config_of(api), "state": tap().state, "catalog": selected}
    options = []
    for name, content in files.items():
        path = tmp_path / f"{name}-{encoding}.json"
        path.write_bytes(json.dumps(content, ensure_ascii=False).encode(encoding))
        options += [f"--{name}", str(path)]
    environment = {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    output = run_program(tmp_path, None, *options, environment=environment).succeeded

    assert output.state["bookmarks"]["runs"]["partitions"]
    assert {message["type"] for message in output.messages} == {"SCHEMA", "STATE"}


# Each is imported before the tap can handle a signal.
@pytest.mark.parametrize("module", ["singer_sdk", "tap_dagctl.tap"])
def test_ctrl_c_while_modules_load_leaves_no_traceback(tmp_path: Path, module: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        f"""
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
"""
    )
    output = run_program(tmp_path, None, "--about", environment={"PYTHONPATH": str(tmp_path)})

    assert (output.exit_code, output.stdout, output.stderr) == (-signal.SIGINT, "", "")


def test_flattening_keeps_what_the_schema_does_not_name_as_json(api: Api, tap: Tap) -> None:
    api.world.put("runs", "proj_a", {"id": "run", "queue": {"at": {"n": 1}}})
    output = tap(flattening_enabled=True, flattening_max_depth=3).succeeded

    (row,) = output.records("runs")
    assert json.loads(row["additional_properties"]) == {"queue": {"at": {"n": 1}}}
    assert {it.headers["user-agent"] for it in api.requests} == {
        f"tap-dagctl/{version('tap-dagctl')}"
    }
