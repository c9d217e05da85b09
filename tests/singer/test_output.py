"""What leaves is what the SDK would have written, and whole, whenever its reader pauses."""

from __future__ import annotations

import fcntl
import io
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from singer_sdk import Stream

from stand_in.server import Api, Reply, serving
from stand_in.world import World
from tap_dagctl.singer.stream import PagewiseStream
from tap_dagctl.singer.writer import Writer
from tap_dagctl.tap import TapDagctl
from tests.support.at_request import instead
from tests.support.made_up_rows import ROWS
from tests.support.syncs import Json, Output, Tap, arguments, config_of, handlers_kept

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
    return Output.of(tap.returncode, text[len(FILLING) :].decode(), "")


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


@pytest.fixture(scope="module")
def one_project() -> Iterator[Api]:
    world = World()
    world.add_project("proj_a", "sales")
    with serving(world) as api:
        yield api


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
def test_page_by_page_messages_are_the_sdks(one_project: Api, rows: list[Json]) -> None:
    keyed = [
        {**row, "id": f"run_{number}", "updated_at": "2026-03-02T05:00:00.5Z"}
        for number, row in enumerate(rows)
    ]
    body = json.dumps({"runs": keyed, "total": len(keyed)}).encode()
    instead(one_project, "/runs", Reply(200, body))
    fast, slow = messages(one_project, by_page=True), messages(one_project, by_page=False)

    assert fast == slow
    assert sum(line["type"] == "RECORD" for line in fast) == len(rows)


def test_what_a_signal_asks_for_waits_for_all_lines_that_belong_together() -> None:
    writer, done = Writer(), []
    with writer.uninterrupted():
        writer.between_lines(lambda: done.append("stop"))
        assert not done
    assert done == ["stop"]
