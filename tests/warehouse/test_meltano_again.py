"""The commands of docs/meltano.md that read one stream or one project again and keep bookmarks."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from stand_in.meltano import MELTANO
from tests.support.meltano import Meltano
from tests.support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api

PAGE = (ROOT / "docs" / "meltano.md").read_text()
COMMANDS = dict(re.findall(r"^# (one \w+)\n((?:.*\\\n)*.*)\n", PAGE, re.MULTILINE))
COMES_AGAIN = {"one stream": {"runs": ["a", "b"]}, "one project": {"runs": ["a"], "plans": ["a"]}}


def loaded(folder: Path) -> dict[str, list[str]]:
    """Return the rows that a run brought of streams with bookmarks, and forget them."""
    found = {}
    for stream in ("runs", "plans"):
        file = folder / "output" / f"{stream}.jsonl"
        if file.exists():
            found[stream] = sorted(json.loads(line)["id"] for line in file.read_text().splitlines())
            file.unlink()
    return found


@pytest.mark.parametrize("what", COMES_AGAIN)
def test_no_bookmark_is_lost(api: Api, tmp_path: Path, what: str) -> None:
    for project in ("a", "b"):
        for table in ("runs", "plans"):
            api.world.put(table, f"proj_{project}", {"id": project})
    api.world.advance(hours=1)
    meltano = Meltano.of(api, tmp_path)

    def bookmarks() -> dict[tuple[str, str], Any]:
        text = meltano("state", "get", "dev:tap-dagctl-to-target-jsonl").stdout
        streams = json.loads(text)["singer_state"]["bookmarks"]
        return {
            (stream, part["context"]["project_id"]): part["replication_key_value"]
            for stream, bookmark in streams.items()
            for part in bookmark.get("partitions", ())
            if "replication_key_value" in part
        }

    meltano.run("tap-dagctl", "target-jsonl")
    assert loaded(tmp_path) == {"runs": ["a", "b"], "plans": ["a", "b"]}
    before = bookmarks()
    assert len(before) == 10

    command = COMMANDS[what].replace("target-duckdb", "target-jsonl")
    path = f"{MELTANO.parent}:{os.environ['PATH']}"
    environment = {**meltano.environment, "PATH": path}
    subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, check=True, timeout=300)
    assert loaded(tmp_path) == COMES_AGAIN[what]
    assert bookmarks() == before

    meltano.run("tap-dagctl", "target-jsonl")
    assert loaded(tmp_path) == {}
    assert bookmarks().keys() == before.keys()
