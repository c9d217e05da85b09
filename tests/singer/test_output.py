"""What leaves, as messages or in files, is what the SDK would have written, and whole."""

from __future__ import annotations

import fcntl
import io
import json
import os
import subprocess
import time
from contextlib import redirect_stdout
from pathlib import Path
from signal import SIGTERM
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from singer_sdk import Stream

from stand_in.server import Api, Reply
from tap_dagctl.singer.stream import PagewiseStream
from tap_dagctl.singer.writer import Writer
from tap_dagctl.tap import TapDagctl
from tests.support.at_request import instead, signalled_at
from tests.support.catalogs import deselect
from tests.support.made_up_rows import ROWS
from tests.support.syncs import (
    Json,
    Output,
    Tap,
    arguments,
    config_of,
    handlers_kept,
    in_files,
    run_tap,
)

PIPE_BYTES = 4_096
FILLING = b" " * PIPE_BYTES


def run_into_a_pause(line: list[str], *, both: bool = False, **environment: str) -> Output:
    """Run a program whose output is a non-blocking pipe that nobody reads for a second."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    os.set_blocking(writer, False)
    os.write(writer, FILLING)
    with subprocess.Popen(
        line,
        stdout=writer,
        stderr=writer if both else subprocess.DEVNULL,
        env={**os.environ, **environment},
    ) as tap:
        os.close(writer)
        with os.fdopen(reader, "rb") as output:
            time.sleep(0.7)
            text = output.read(len(FILLING) + 100)
            time.sleep(0.7)
            text += output.read()
    return Output(tap.returncode, text[len(FILLING) :].decode(), "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_every_message_is_whole(api: Api, tmp_path: Path, tap: Tap, unbuffered: str) -> None:
    for number in range(300):
        api.world.put("runs", "proj_a", {"id": f"run_{number}"})
    line = arguments(tmp_path, config_of(api))
    output = run_into_a_pause(line, PYTHONUNBUFFERED=unbuffered).succeeded
    expected = tap()

    assert output.records("runs") == expected.records("runs")
    assert output.state == expected.state
    assert len(output.messages) == len(output.stdout.splitlines())


def test_a_catalog_and_a_log_in_the_same_pipe_are_whole(api: Api, tap: Tap, tmp_path: Path) -> None:
    line = arguments(tmp_path, config_of(api), "--discover")
    output = run_into_a_pause(line, both=True, TAP_DAGCTL_LOGLEVEL="DEBUG").succeeded
    expected = tap("--discover", environment={"TAP_DAGCTL_LOGLEVEL": "DEBUG"})

    assert "Logging error" not in output.stdout
    logged = [text for text in output.stdout.splitlines() if " | " in text]
    assert len(logged) == len(expected.stderr.splitlines())
    assert all(text in output.stdout for text in expected.stdout.splitlines())


@pytest.mark.parametrize(
    ("options", "encoding"), [([], "ascii"), (["--format=markdown"], "cp1252")]
)
def test_what_is_printed_is_encoded(tmp_path: Path, options: list[str], encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    line = arguments(tmp_path, None, "--about", *options)
    done = subprocess.run(line, capture_output=True, env=environment, check=True)

    assert "api_token" in done.stdout.decode(encoding)


def messages(api: Api, *, by_page: bool) -> list[Json]:
    """Sync the runs, and return what was written, but for the times it was read."""
    text = io.StringIO()
    ours, theirs = PagewiseStream._sync_records, Stream._sync_records
    one = patch.object(PagewiseStream, "_sync_records", ours if by_page else theirs)
    whole = patch.object(Writer, "write_records", autospec=True, side_effect=Writer.write_records)
    with redirect_stdout(text), handlers_kept(), one, whole as pages:
        tap = TapDagctl(config=config_of(api))
        for name, stream in tap.streams.items():
            stream.selected = name == "runs"
        tap.sync_all()
    assert pages.called == by_page
    lines = [json.loads(line) for line in text.getvalue().splitlines()]
    for line in lines:
        assert ("time_extracted" in line) == (line["type"] == "RECORD")
        line.pop("time_extracted", None)
    assert text.getvalue().isascii()
    return lines


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_page_by_page_messages_are_the_sdks(api: Api, rows: list[Json]) -> None:
    keyed = [
        {**row, "id": f"run_{number}", "updated_at": "2026-03-02T05:00:00.5Z"}
        for number, row in enumerate(rows)
    ]
    body = json.dumps({"runs": keyed, "total": len(keyed)}).encode()
    instead(api, "proj_a/runs", Reply(200, body))
    fast, slow = messages(api, by_page=True), messages(api, by_page=False)

    assert fast == slow
    assert sum(line["type"] == "RECORD" for line in fast) == len(rows)


def test_what_a_signal_asks_for_waits_for_all_lines_that_belong_together() -> None:
    writer, done = Writer(), []
    with writer.uninterrupted():
        writer.between_lines(lambda: done.append("stop"))
        assert not done
    assert done == ["stop"]


def test_a_copy_of_a_stream_cannot_be_had_in_files(tmp_path: Path, tap: Tap) -> None:
    maps = {"copy": {"__source__": "runs"}}
    output = tap(stream_maps=maps, batch_config=in_files(tmp_path))
    assert "with batch_config there can be no copy (__source__) of runs" in output.error


@pytest.mark.parametrize("root", ["file://{}/file", "s3://bucket"])
def test_a_folder_that_cannot_be_written(api: Api, tmp_path: Path, tap: Tap, root: str) -> None:
    api.world.put("runs", "proj_a", {"id": "run"})
    (tmp_path / "file").write_text("in the way")
    storage = {"root": root.format(tmp_path)}
    output = tap(batch_config={**in_files(tmp_path), "storage": storage})

    assert output.error.startswith(f"batch_config: no file can be written to {storage['root']}: ")
    assert tap(state=output.state).ids("runs") == ["run"]


def test_a_file_holds_what_is_selected_and_what_the_maps_make_of_it(
    api: Api, tmp_path: Path, tap: Tap, catalog: Json
) -> None:
    api.world.put("runs", "proj_a", {"id": "run", "status": "success"})
    api.world.put("jobs", "proj_a", {"id": "job", "description": "left out"})
    deselect(catalog, "jobs", "description")
    maps = {
        "projects": None,
        "runs": {"state": "status.upper()", "status": None, "__alias__": "all_runs"},
        "plans": {"__filter__": "False"},
    }
    plain = tap(catalog=catalog, stream_maps=maps)
    output = tap(catalog=catalog, stream_maps=maps, batch_config=in_files(tmp_path)).succeeded

    assert not any(message["type"] == "RECORD" for message in output.messages)
    (run,), (job,) = output.records("all_runs"), output.records("jobs")
    assert (run["state"], "status" in run, "description" in job) == ("SUCCESS", False, False)
    for stream in ("all_runs", "jobs", "daily_stats", "projects", "plans"):
        assert output.records(stream) == plain.records(stream)


def test_a_signal_while_a_file_is_written_loses_none_of_its_rows(api: Api, tmp_path: Path) -> None:
    keys = {f"run_{number:02}" for number in range(60)}
    for key in keys:
        api.world.put("runs", "proj_a", {"id": key})
    api.world.advance(hours=1)
    config = config_of(api, page_size=20, batch_config=in_files(tmp_path))
    stopped = signalled_at(api, "proj_a/runs", 3, SIGTERM, tmp_path, config)
    assert stopped.exit_code == 128 + SIGTERM
    again = run_tap(tmp_path, config, state=stopped.state).succeeded

    assert {*stopped.ids("runs"), *again.ids("runs")} == keys
