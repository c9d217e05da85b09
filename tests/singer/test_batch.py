"""Files instead of records, and one line where they cannot be had."""

from __future__ import annotations

from pathlib import Path
from signal import SIGTERM

import pytest

from stand_in.server import Api
from tests.support.at_request import signalled_at
from tests.support.catalogs import deselect
from tests.support.syncs import Json, Tap, config_of, in_files, run_tap

GZIP = {"format": "jsonl", "compression": "gzip"}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"encoding": {"format": "parquet"}}, "batch_config: parquet needs pyarrow, which is not"),
        # The SDK writes gzip all the same, and a target would believe the message.
        ({"encoding": {**GZIP, "compression": "none"}}, "jsonl is always written with gzip: set"),
        ({"storage": {"prefix": "x"}}, "Object missing required field `root` - at `$.storage`"),
        # The SDK would read nothing, and end with 0.
        ({"batch_size": 0}, "Expected `int` >= 1 - at `$.batch_size`"),
        ({"size": 1}, "Object contains unknown field `size`"),
    ],
)
def test_what_cannot_be_had(tmp_path: Path, tap: Tap, change: Json, line: str) -> None:
    assert line in tap.refused(batch_config={**in_files(tmp_path), **change})


def test_a_copy_of_a_stream_cannot_be_had_in_files(tmp_path: Path, tap: Tap) -> None:
    maps = {"copy": {"__source__": "runs"}}
    output = tap(stream_maps=maps, batch_config=in_files(tmp_path))
    assert "with batch_config there can be no copy (__source__) of runs" in output.error


@pytest.mark.parametrize("root", ["file://{}/file", "s3://bucket"])
def test_a_folder_that_cannot_be_written(api: Api, tmp_path: Path, tap: Tap, root: str) -> None:
    api.world.put("runs", "proj_a", {"id": "run"})
    (tmp_path / "file").write_text("in the way")
    storage = {"root": root.format(tmp_path)}
    output = tap(batch_config={"encoding": GZIP, "storage": storage})

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
