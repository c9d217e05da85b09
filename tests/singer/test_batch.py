"""What `batch_config` asks for and cannot have is one line."""

from __future__ import annotations

from signal import SIGTERM
from typing import TYPE_CHECKING

import pytest

from tests.support.at_request import signalled_at
from tests.support.catalogs import deselect
from tests.support.syncs import Json, Tap, config_of, in_files, run_tap

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api

GZIP = {"format": "jsonl", "compression": "gzip"}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"encoding": {"format": "parquet"}}, "batch_config: parquet needs pyarrow, which is not"),
        ({"encoding": {**GZIP, "format": "csv"}}, "'csv' is not one of ['jsonl', 'parquet']"),
        # The SDK writes gzip all the same, and a target would believe the message.
        ({"encoding": {**GZIP, "compression": "none"}}, "jsonl is always written with gzip: set"),
        ({"storage": {"prefix": "x"}}, "Object missing required field `root` - at `$.storage`"),
        # The SDK would read nothing, and end with 0.
        ({"batch_size": 0}, "Expected `int` >= 1 - at `$.batch_size`"),
        ({"size": 1}, "Object contains unknown field `size`"),
    ],
)
def test_what_cannot_be_had(tmp_path: Path, tap: Tap, change: Json, line: str) -> None:
    batch_config = {**in_files(tmp_path), **change}
    assert line in tap.refused(batch_config=batch_config)


@pytest.mark.parametrize("root", ["file://{}/file", "nope://x", "s3://bucket", "ftp://127.0.0.1:1"])
def test_a_folder_that_cannot_be_written(api: Api, tmp_path: Path, tap: Tap, root: str) -> None:
    api.world.put("runs", "proj_a", {"id": "run"})
    (tmp_path / "file").write_text("in the way")
    storage = {"root": root.format(tmp_path)}
    output = tap(batch_config={"encoding": GZIP, "storage": storage})

    assert output.error.startswith(f"batch_config: no file can be written to {storage['root']}: ")
    again = tap(state=output.state)
    assert again.ids("runs") == ["run"]


def test_a_file_holds_what_is_selected_and_what_the_maps_make_of_it(
    api: Api, tmp_path: Path, tap: Tap, catalog: Json
) -> None:
    api.world.put("runs", "proj_a", {"id": "run", "status": "success"})
    api.world.put("jobs", "proj_a", {"id": "job", "environment": {"SECRET": "made up"}})
    deselect(catalog, "jobs", "environment", "command")
    maps = {
        "projects": None,
        "runs": {"state": "status.upper()", "status": None, "__alias__": "all_runs"},
        "plans": {"__filter__": "False"},
    }
    plain = tap(catalog=catalog, stream_maps=maps)
    batch_config = in_files(tmp_path)
    output = tap(catalog=catalog, stream_maps=maps, batch_config=batch_config).succeeded

    assert not any(message["type"] == "RECORD" for message in output.messages)
    (run,) = output.records("all_runs")
    assert (run["state"], "status" in run) == ("SUCCESS", False)
    for stream in ("all_runs", "jobs", "daily_stats", "projects", "plans"):
        assert output.records(stream) == plain.records(stream)
    assert not {"environment", "command"} & set(output.records("jobs")[0])


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


def test_a_copy_of_a_stream_cannot_be_had_in_files(tmp_path: Path, tap: Tap) -> None:
    batch_config = in_files(tmp_path)
    maps = {"copy": {"__source__": "runs"}}
    output = tap(stream_maps=maps, batch_config=batch_config)

    assert "with batch_config there can be no copy (__source__) of runs" in output.error
