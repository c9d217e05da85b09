"""What a sync's memory peaks at, and an API of as many rows as one likes."""

from __future__ import annotations

import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from typing_extensions import override

from stand_in.server import MOST_ROWS, Api, running
from stand_in.world import Row, World, to_text
from tests.support.syncs import Output, arguments, config_of

FEW = 10_000


class LargeApi(Api):
    """One project with so many runs, made up as they are asked for; all changed just now.

    That is the worst case: the next sync will read them all again, so they are to be remembered.
    """

    def __init__(self, rows: int) -> None:
        world = World()
        world.add_project("proj_large", "large")
        super().__init__(world)
        self._rows = rows

    @override
    def _page(self, rows: list[Row], key: str, params: dict[str, str]) -> dict[str, Any]:
        count = self._rows if key == "runs" else 0
        page, limit = int(params["page"]), min(int(params["limit"]), MOST_ROWS)
        stamp = to_text(self.world.now)
        made_up = [
            {"id": f"run_{number:07}", "updated_at": stamp, "job_name": "x" * (number % 50)}
            for number in range(count)[(page - 1) * limit : page * limit]
        ]
        counted = {"total": count, "page": page, "limit": limit, "total_pages": -(-count // limit)}
        return {key: made_up, **counted}


def peak_kilobytes(rows: int) -> int:
    """Return the most memory the program held at a time while it synced so many rows."""
    with running(LargeApi(rows)) as api, tempfile.TemporaryDirectory() as directory:
        exit_code, messages, _, peak = _measured(Path(directory), config_of(api))
        with messages.open("rb") as lines:
            records = sum(line.startswith(b'{"type":"RECORD","stream":"runs"') for line in lines)
    assert (exit_code, records) == (0, rows)
    return peak


def run_and_measure(directory: Path, config: dict[str, Any]) -> tuple[Output, float]:
    """Run the tap, and return what it wrote and the most megabytes it held at a time."""
    exit_code, messages, log, peak = _measured(directory, config)
    return Output(exit_code, messages.read_text(), log.read_text()), peak / 1024


def _measured(directory: Path, config: dict[str, Any]) -> tuple[int, Path, Path, int]:
    messages, log = directory / "messages", directory / "log"
    with messages.open("wb") as stdout, log.open("wb") as stderr:
        process = subprocess.Popen(arguments(directory, config), stdout=stdout, stderr=stderr)
        peak = 0
        while process.poll() is None:
            peak = max(peak, peak_so_far(process.pid))
            time.sleep(0.01)
    return process.returncode, messages, log, peak


def peak_so_far(process: int) -> int:
    """Return the most kilobytes that a process has held at a time; 0 if it has ended.

    The kernel's `ru_maxrss` would not do: it begins with what the parent held at the fork.
    """
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0
