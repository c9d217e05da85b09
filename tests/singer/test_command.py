"""The command's options, and one clear line for everything a user can get wrong."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from tap_dagctl import streams
from tests.support.catalogs import selecting
from tests.support.syncs import Json, Tap, config_of, run_program, run_tap

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api

STREAMS = {stream.name for stream in streams.STREAMS if not stream.is_sensitive}


def test_about_and_discover_need_neither_network_nor_credentials(tmp_path: Path) -> None:
    text = run_tap(tmp_path, None, "--about")
    markdown = run_tap(tmp_path, None, "--about", "--format", "markdown")
    about = json.loads(run_tap(tmp_path, None, "--about", "--format", "json").stdout)
    catalog = json.loads(run_tap(tmp_path, None, "--discover").stdout)

    assert "Name:" in text.stdout
    said = " ".join(text.stdout.split())
    for name, setting in about["settings"]["properties"].items():
        assert f" {name} (" in said
        assert " ".join(setting["description"].split()) in said
        assert f"Environment variable: TAP_DAGCTL_{name.upper()} " in f"{said} "
    for line in (
        "api_token (string, secret; required)",
        "page_size (integer, 1 to 500; default 500)",
        "overlap_seconds (integer, 0 to 31536000; default 60)",
        "max_connections (integer, 1 to 16; default 4)",
        "request_timeout (number, > 0, at most 86400; default 60)",
        "include_sensitive (boolean; default false)",
        "batch_config.encoding.format (string, one of jsonl, parquet)",
    ):
        assert f" {line} " in said
    assert "| api_token |" in markdown.stdout
    assert about["name"] == "tap-dagctl"
    assert "activate-version" not in about["capabilities"]
    for name, setting in about["settings"]["properties"].items():
        assert setting.get("title"), name
        assert setting.get("description"), name
    assert {entry["tap_stream_id"] for entry in catalog["streams"]} == STREAMS
    for entry in catalog["streams"]:
        for name, field in entry["schema"]["properties"].items():
            assert field.get("description", "").endswith("."), (entry["tap_stream_id"], name)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"api_token": None}, "api_token is not a non-empty string"),
        ({"api_token": " \n"}, "api_token is empty or has characters no HTTP header can carry"),
        ({"user_agent": "tap\r\nX: y"}, "user_agent is empty or has characters no HTTP header"),
        ({"request_timeout": 0}, "0 is less than or equal to the minimum of 0"),
        ({"organization_id": ""}, "organization_id is not a non-empty string"),
        ({"organization_id": "\t"}, "organization_id is empty or has characters no HTTP header"),
        ({"page_size": 501}, "501 is greater than the maximum of 500 in config['page_size']"),
        ({"api_url": "http://dagctl.example"}, "api_url sends the token unencrypted to"),
        ({"api_url": "dagctl.example"}, "api_url is not an http(s) URL: write it like"),
        ({"api_url": "https://u:p@dagctl.example"}, "api_url has credentials, a query"),
        ({"api_url": "https://dagctl.example:port"}, "api_url is not a URL"),
        ({"start_date": "yesterday"}, "'yesterday' is not a date: write it like 2026-01-31"),
        ({"project_ids": "proj_a"}, "'proj_a' is not of type 'array'"),
        ({"refused_projects": "Warn"}, "'Warn' is not one of ['fail', 'warn']"),
        ({"emit_activate_version_messages": True}, "emit_activate_version_messages is not suppor"),
        ({"batch_config": {"encoding": 1}}, "config['batch_config']"),
        ({"stream_maps": {"runs": {"x": "1 +"}}}, "Failed to parse expression 1 +"),
        ({"stream_maps": {"runs": {"x": ""}}}, "cannot be read: IndexError"),
        ({"stream_maps": {"__else__": "x"}}, "cannot be read: AttributeError"),
    ],
)
def test_a_setting_that_cannot_be_used(tap: Tap, change: Json, line: str) -> None:
    assert line in tap.refused(**change)


def test_missing_credentials_are_a_line_each(tmp_path: Path) -> None:
    output = run_tap(tmp_path, {"page_size": 10})

    assert output.exit_code == 1
    for error, name in zip(output.errors, ("api_token", "organization_id"), strict=True):
        assert f"'{name}' is a required property; `tap-dagctl --about` describes every" in error


def test_an_unknown_project_is_refused_before_anything_is_synced(api: Api, tap: Tap) -> None:
    output = tap(project_ids=["sales", "salse"])

    assert output.error == (
        "project_ids: no project salse; there are: proj_a (sales), proj_b (finance)"
    )
    assert [request.path for request in api.requests] == ["/api/v1/projects"]
    assert output.sent == {}


@pytest.mark.parametrize("name", [None, "", " "])
def test_a_project_without_a_name_has_its_id(api: Api, tap: Tap, name: str | None) -> None:
    def alter(answer: Json) -> None:
        for row in answer.get("projects", []):
            row["name"] = name

    api.alter = alter
    output = tap(project_ids=["None"])
    assert output.error == "project_ids: no project None; there are: proj_a, proj_b"

    output = tap(project_ids=["proj_b"]).succeeded
    assert output.ids("projects") == ["proj_b"]


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
    ("encoding", "locale"),
    [("utf-8-sig", "C.UTF-8"), ("utf-16", "C"), ("utf-16-le", "POSIX"), ("utf-8", "C")],
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


def test_a_config_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    assert (
        "--config nowhere.json cannot be read"
        in run_tap(tmp_path, None, "--config", "nowhere.json").error
    )
