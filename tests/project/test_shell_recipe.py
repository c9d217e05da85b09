"""The shell script of docs/orchestrators.md always leaves a whole state, the old or a newer one."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from stand_in.server import Api
from tests.support.at_request import refuse
from tests.support.orchestrated import wait_until
from tests.support.programs import ended
from tests.support.project import ROOT
from tests.support.syncs import TAP, config_of

pytestmark = pytest.mark.programs

OLD = '{"bookmarks": {"of": "an earlier sync"}}\n'
STATES = [json.dumps({"bookmarks": {"number": n, "long": "é" * 9_000}}) + "\n" for n in range(3)]
# A target passes a state on when what came before it is stored.
PASSES_ON = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "STATE":
        print(json.dumps(message["value"]), flush=True)
"""


@dataclass(frozen=True)
class Folder:
    """Where a user keeps what the script names, and programs that take the place of others."""

    path: Path

    def program(self, name: str, code: str) -> None:
        path = self.path / name
        path.write_text(f"#!{sys.executable}\nimport os, signal, sys, time\n{code}")
        path.chmod(0o755)

    def start(self, target: str, before: str = "") -> subprocess.Popen[str]:
        """Start the script from elsewhere, with a target of the test's in it and this before it."""
        page = (ROOT / "docs" / "orchestrators.md").read_text()
        (recipe,) = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
        script = self.path / "sync.sh"
        script.write_text(before + recipe.replace("target-…", shlex.quote(target)))
        return subprocess.Popen(
            ["bash", str(script)],
            cwd=ROOT,
            env={**os.environ, "PATH": f"{self.path}:{TAP.parent}:{os.environ['PATH']}"},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, target: str, before: str = "") -> int:
        """Return its exit code."""
        with self.start(target, before) as script:
            script.communicate(timeout=120)
        return script.returncode

    @property
    def state(self) -> str:
        return (self.path / "state.json").read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """The tap sends nothing, and the target writes three states."""
    for name in ("config.json", "catalog.json", "target.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "state.json").write_text(OLD)
    folder = Folder(tmp_path)
    folder.program("tap-dagctl", "")
    folder.program("target-good", writes(*STATES))
    return folder


def writes(*texts: str, then: str = "") -> str:
    """Return a program that writes `texts`, one after another."""
    return (
        f"for text in {texts!r}:\n"
        f"    sys.stdout.buffer.write(text.encode())\n    sys.stdout.flush()\n{then}\n"
    )


def test_a_sync_leaves_its_last_state_and_a_failed_one_the_old(api: Api, folder: Folder) -> None:
    (folder.path / "tap-dagctl").unlink()
    folder.program("target-good", PASSES_ON)
    api.world.put("runs", "proj_a", {"id": "run"})
    catalog = ended(TAP, "--discover").stdout
    contents = {"state": "{}", "config": json.dumps(config_of(api)), "catalog": catalog}
    for name, text in contents.items():
        (folder.path / f"{name}.json").write_text(text)
    refuse(api, {"proj_a/runs": 404})
    assert folder.run("target-good") == 1
    partly = folder.state
    assert len(json.loads(partly)["bookmarks"]["runs"]["partitions"]) == 2

    api.misbehave = lambda _: None
    assert folder.run("no-such-target") == 127
    assert folder.state == partly
    assert folder.run("target-good") == 0
    assert folder.state != partly


@pytest.mark.parametrize(
    ("tap", "target", "code", "expected"),
    [
        ("sys.exit(1)", writes(*STATES[:2]), 1, STATES[1]),
        # Half a line may look whole.
        ("", writes(STATES[0], '{"bookmarks": {}}', then="sys.exit(3)"), 3, STATES[0]),
        ("", writes(STATES[0][:100], then="os.kill(os.getpid(), signal.SIGKILL)"), 137, OLD),
        # What some targets write where they have no state.
        ("", writes("\n"), 0, OLD),
        ("", writes(STATES[0], "{}\n", "null\n"), 0, STATES[0]),
    ],
)
def test_a_target_that_fails_leaves_its_newest_whole_state(
    folder: Folder, tap: str, target: str, code: int, expected: str
) -> None:
    folder.program("tap-dagctl", tap)
    folder.program("target-odd", target)

    assert folder.run("target-odd") == code
    assert folder.state == expected


def test_a_full_disk_leaves_a_whole_state(folder: Folder) -> None:
    limit = "trap '' XFSZ\nulimit -f 64\n"  # a file may have so many blocks of 1,024 bytes
    assert folder.run("target-good", limit) != 0
    assert folder.state == STATES[0]

    # The script's own file finds no room, or nothing is in it.
    for code in (f"print({OLD[:9]!r}, end='', flush=True)\nraise OSError", ""):
        folder.program("tail", code)
        folder.run("target-good")
        assert folder.state == STATES[0]


def test_a_kill_before_any_command_leaves_a_whole_state(folder: Folder) -> None:
    seen = []
    for number in range(1, 40):
        (folder.path / "state.json").write_text(OLD)
        at_command = f"set -T\nn=0\ntrap '((++n == {number})) && kill -KILL $$' DEBUG\n"
        code = folder.run("target-good", at_command)
        time.sleep(0.05)  # what is left of the pipeline writes its own files only
        seen.append(folder.state)
        if code == 0:
            break
        assert code == -signal.SIGKILL
    else:
        pytest.fail("the script has more commands than this test kills it at")
    assert len(seen) > 6
    assert (seen[0], seen[-1]) == (OLD, STATES[-1])
    assert set(seen) <= {OLD, STATES[-1]}


@pytest.mark.parametrize(
    ("number", "whole"),
    [(signal.SIGTERM, True), (signal.SIGINT, False), (signal.SIGKILL, False)],
)
def test_a_signal_while_the_target_works_leaves_a_whole_state(
    folder: Folder, number: signal.Signals, *, whole: bool
) -> None:
    slow = writes(STATES[0], STATES[1][:100], then="time.sleep(1)") + writes(STATES[1][100:])
    folder.program("target-slow", slow)
    script = folder.start("target-slow")
    written = folder.path / "states.jsonl"
    wait_until(lambda: written.exists() and written.stat().st_size > len(STATES[0]))
    if whole:
        os.killpg(script.pid, number)
    else:
        script.send_signal(number)
    # Bash waits for a program that takes no notice of Ctrl-C.
    assert (script.wait(timeout=120) == 0) == (number is signal.SIGINT)
    assert folder.state in ([OLD] if number is signal.SIGKILL else STATES[:2])
    # A target that was left behind writes nothing into the file of the next sync.
    folder.program("target-slow", writes(STATES[2]))
    assert folder.run("target-slow") == 0
    time.sleep(1.1)
    assert folder.state == STATES[2]
    script.communicate()
