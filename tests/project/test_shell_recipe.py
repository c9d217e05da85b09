"""The shell script of docs/orchestrators.md always leaves a whole state, the old or a newer one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from stand_in.server import Reply
from tests.support.orchestrated import wait_until
from tests.support.shell_recipe import command, run
from tests.support.syncs import TAP, config_of

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.server import Api

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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a user keeps what the script names."""
    for name in ("config.json", "catalog.json", "target.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "state.json").write_text(OLD)
    return tmp_path


def program(folder: Path, name: str, code: str) -> None:
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{code}")
    path.chmod(0o755)


def writes(*texts: str, then: str = "") -> str:
    """Return a program that writes `texts`, one after another."""
    return (
        f"import os, signal, sys, time\nfor text in {texts!r}:\n"
        f"    sys.stdout.buffer.write(text.encode())\n    sys.stdout.flush()\n{then}\n"
    )


def state(folder: Path) -> str:
    return (folder / "state.json").read_text()


@pytest.fixture
def synced(api: Api, folder: Path) -> Path:
    """The folder of a user with an account, whose target works."""
    api.world.put("runs", "proj_a", {"id": "run"})
    (folder / "state.json").write_text("{}")
    (folder / "config.json").write_text(json.dumps(config_of(api)))
    catalog = subprocess.run([TAP, "--discover"], capture_output=True, check=True)
    (folder / "catalog.json").write_bytes(catalog.stdout)
    program(folder, "target-good", PASSES_ON)
    return folder


def test_a_sync_leaves_its_last_state_and_a_failed_one_the_old(synced: Path) -> None:
    assert run(synced, "target-good").returncode == 0
    first = state(synced)
    assert json.loads(first)["bookmarks"]["runs"]["partitions"]

    config = json.loads((synced / "config.json").read_text())
    (synced / "config.json").write_text(json.dumps({**config, "page_size": 0}))
    failed = run(synced, "target-good")
    assert failed.returncode == 1
    assert "config['page_size']" in failed.stderr
    assert state(synced) == first

    assert run(synced, "no-such-target").returncode == 127
    assert state(synced) == first


def test_a_state_counts_though_the_sync_ends_with_1(api: Api, synced: Path) -> None:
    api.misbehave = lambda request: (
        Reply(404, b"{}") if request.path.endswith("proj_a/runs") else None
    )
    assert run(synced, "target-good").returncode == 1
    assert len(json.loads(state(synced))["bookmarks"]["runs"]["partitions"]) == 2


@pytest.mark.parametrize(
    ("tap", "target", "code", "expected"),
    [
        ("", "sys.exit(3)", 3, OLD),
        ("sys.exit(1)", "", 1, OLD),
        ("sys.exit(1)", writes(*STATES[:2]), 1, STATES[1]),
        ("", writes(*STATES[:2], STATES[2][:100], then="sys.exit(3)"), 3, STATES[1]),
        # Half a line may look whole.
        ("", writes(STATES[0], '{"bookmarks": {}}', then="sys.exit(3)"), 3, STATES[0]),
        ("", writes(STATES[0][:100], then="os.kill(os.getpid(), signal.SIGKILL)"), 137, OLD),
        # What some targets write where they have no state.
        ("", writes("{}\n"), 0, OLD),
        ("", writes("\n"), 0, OLD),
        ("", writes(STATES[0], "null\n"), 0, STATES[0]),
    ],
)
def test_a_target_that_fails_leaves_its_newest_whole_state(
    folder: Path, tap: str, target: str, code: int, expected: str
) -> None:
    program(folder, "tap-dagctl", f"import sys\n{tap}")
    program(folder, "target-odd", f"import sys\n{target}")

    assert run(folder, "target-odd").returncode == code
    assert state(folder) == expected


def test_it_may_be_started_from_anywhere(folder: Path) -> None:
    program(folder, "tap-dagctl", "")
    program(folder, "target-good", writes(STATES[0]))
    _, script = command(folder, str(folder / "target-good"))
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    subprocess.run(["bash", folder / script], cwd="/", env=environment, check=True)
    assert state(folder) == STATES[0]


def test_a_full_disk_leaves_a_whole_state(folder: Path) -> None:
    program(folder, "tap-dagctl", "")
    program(folder, "target-good", writes(*STATES))
    limit = "trap '' XFSZ\nulimit -f 64\n"  # a file may have so many blocks of 1,024 bytes
    assert run(folder, "target-good", before=limit).returncode != 0
    assert state(folder) == STATES[0]

    # The script's own file finds no room.
    program(folder, "tail", f"print({OLD[:9]!r}, end='', flush=True)\nraise OSError")
    run(folder, "target-good")
    assert state(folder) == STATES[0]

    program(folder, "tail", "")
    run(folder, "target-good")
    assert state(folder) == STATES[0]


def test_a_kill_before_any_command_leaves_a_whole_state(folder: Path) -> None:
    program(folder, "tap-dagctl", "")
    program(folder, "target-good", writes(*STATES))
    seen = []
    for number in range(1, 40):
        (folder / "state.json").write_text(OLD)
        at_command = f"set -T\nn=0\ntrap '((++n == {number})) && kill -KILL $$' DEBUG\n"
        done = run(folder, "target-good", before=at_command)
        time.sleep(0.05)  # what is left of the pipeline writes its own files only
        seen.append(state(folder))
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    else:
        pytest.fail("the script has more commands than this test kills it at")
    assert len(seen) > 6
    assert seen[0] == OLD
    assert seen[-1] == STATES[-1]
    assert set(seen) <= {OLD, STATES[-1]}


@pytest.mark.parametrize(
    ("number", "whole"),
    [
        (signal.SIGTERM, True),
        (signal.SIGINT, False),
        (signal.SIGINT, True),
        (signal.SIGKILL, False),
    ],
)
def test_a_signal_while_the_target_works_leaves_a_whole_state(
    folder: Path, number: signal.Signals, *, whole: bool
) -> None:
    program(folder, "tap-dagctl", "")
    slow = writes(STATES[0], STATES[1][:100], then="time.sleep(1)") + writes(STATES[1][100:])
    program(folder, "target-slow", slow)
    script = subprocess.Popen(
        command(folder, "target-slow"),
        cwd=folder,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    written = folder / "states.jsonl"
    wait_until(lambda: written.exists() and written.stat().st_size > len(STATES[0]))
    if whole:
        os.killpg(script.pid, number)
    else:
        script.send_signal(number)
    # Bash waits for a program that takes no notice of Ctrl-C.
    assert (script.wait(timeout=120) == 0) == (number is signal.SIGINT and not whole)
    assert state(folder) in ([OLD] if number is signal.SIGKILL else STATES[:2])
    # A target that was left behind writes nothing into the file of the next sync.
    program(folder, "target-slow", writes(STATES[2]))
    assert run(folder, "target-slow").returncode == 0
    time.sleep(1)
    assert (folder / "states.jsonl").read_text() == state(folder) == STATES[2]


@pytest.mark.parametrize(
    ("option", "content", "advice"),
    [
        ("state", b"\n", "or {} to read everything again"),
        ("state", "\r\n".encode("utf-16"), "or {} to read everything again"),
        ("catalog", b"", "`tap-dagctl --discover`"),
    ],
)
def test_an_empty_file_says_what_to_do(
    synced: Path, option: str, content: bytes, advice: str
) -> None:
    (synced / f"{option}.json").write_bytes(content)
    failed = run(synced, "target-good")

    assert failed.returncode == 1
    assert f"--{option} {option}.json is empty: " in failed.stderr
    assert advice in failed.stderr
