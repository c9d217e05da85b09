"""`meltano run` that is stopped: what the state then is, and that the next run brings the rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from stand_in.meltano import MELTANO
from tests.support.meltano import Meltano
from tests.support.syncs import Output

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api, Request

RUNS = 1_200


@pytest.mark.parametrize("who", ["everybody", "the tap"])
def test_the_next_run_resumes_from_what_the_target_passed_on(
    api: Api, tmp_path: Path, who: str
) -> None:
    for number in range(RUNS):
        api.world.advance(seconds=1)
        api.world.put("runs", "proj_a", {"id": f"run_{number}"})
    api.world.advance(hours=1)
    meltano = Meltano.of(api, tmp_path)
    meltano.environment["TAP_DAGCTL_MAX_CONNECTIONS"] = "1"
    line = ["tap-dagctl-runs", "target-jsonl"]

    def delay(request: Request) -> None:
        if request.params.get("page", "1") != "1":
            time.sleep(1)

    api.misbehave = delay
    run = subprocess.Popen(
        [str(MELTANO), "run", *line],
        cwd=tmp_path,
        env=meltano.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    while not any(request.params.get("page") == "2" for request in api.requests):
        assert run.poll() is None
        time.sleep(0.1)
    if who == "everybody":  # as Ctrl-C in a terminal does
        os.killpg(run.pid, signal.SIGINT)
    else:
        find = ["pgrep", "--parent", str(run.pid), "--full", "bin/tap-dagctl"]
        found = subprocess.run(find, check=True, capture_output=True, text=True)
        os.kill(int(found.stdout), signal.SIGTERM)
    log, _ = run.communicate(timeout=60)
    assert run.returncode != 0
    said = Output.of(run.returncode, "", log).stderr
    assert "the next sync resumes from the last state that the target passed on" in said

    saved = json.loads(meltano("state", "get", "dev:tap-dagctl-runs-to-target-jsonl").stdout)
    if who == "the tap":
        assert saved["singer_state"]["bookmarks"]["runs"]["partitions"]
    api.misbehave = lambda _: None
    meltano.run(*line)
    lines = (tmp_path / "output" / "runs.jsonl").read_text().splitlines()
    assert {json.loads(line)["id"] for line in lines} == {f"run_{n}" for n in range(RUNS)}
