"""`tap | loader > states`, as a user's shell would run it, three times over a history."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stand_in.server import serving
from tests.support.syncs import TAP, config_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.awkward import SeededHistory
    from tests.support.loaders.history import AwkwardHistory


@dataclass(frozen=True)
class Loader:
    """A loader's command, and what it is configured with."""

    command: list[str]
    settings: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Chain:
    """What the three syncs took, and what the loader said if it failed.

    Attributes:
        seconds: of all syncs together.
        cpu_seconds: of the loader alone.
        failure: the sync that failed, and the last line that the loader wrote.
    """

    seconds: float = 0
    cpu_seconds: float = 0
    failure: str | None = None


def run(
    loader: Loader, history: SeededHistory | AwkwardHistory, directory: Path, **tap_settings: Any
) -> Chain:
    """Load, load again 30 hours later, and load once more with nothing new."""
    chain = Chain()
    (directory / "state.json").write_text("{}")
    with serving(history.world) as api:
        (directory / "tap.json").write_text(json.dumps(config_of(api, **tap_settings)))
        (directory / "loader.json").write_text(json.dumps(loader.settings))
        for sync in ("first", "second", "third"):
            if sync == "second":
                history.go_on()
            _sync(loader, directory, sync, chain)
            if chain.failure:
                break
    return chain


def _sync(loader: Loader, directory: Path, sync: str, chain: Chain) -> None:
    began = time.monotonic()
    with (
        (directory / "tap.log").open("ab") as tap_log,
        (directory / f"loader-{sync}.log").open("wb") as loader_log,
        (directory / "states").open("w+b") as states,
        subprocess.Popen(
            [TAP, "--config", "tap.json", "--state", "state.json"],
            cwd=directory,
            stdout=subprocess.PIPE,
            stderr=tap_log,
        ) as tap,
    ):
        process = subprocess.Popen(
            [*loader.command, "--config", "loader.json"],
            cwd=directory,
            stdin=tap.stdout,
            stdout=states,
            stderr=loader_log,
            env={**_own_environment(), "HOME": str(directory), **loader.environment},
        )
        assert tap.stdout
        # Only the loader reads it: the tap must notice when it ends.
        tap.stdout.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        states.seek(0)
        lines = states.read().splitlines()
    chain.seconds += time.monotonic() - began
    chain.cpu_seconds += usage.ru_utime + usage.ru_stime
    if process.returncode:
        said = (directory / f"loader-{sync}.log").read_text(errors="replace")
        chain.failure = f"the {sync} sync fails: {_last_words(said)}"
    elif tap.returncode:
        raise RuntimeError((directory / "tap.log").read_text()[-2000:])
    elif lines:
        (directory / "state.json").write_bytes(lines[-1])


_ERROR = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception|Violation)\b.*")


def _own_environment() -> dict[str, str]:
    """Return the environment without what a user has set for databases and clouds."""
    foreign = ("PG", "AWS_", "SNOWFLAKE_", "TARGET_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


# A folder, an address, an id, a time.
_CHANGING = re.compile(r"/\S*/|0x[0-9a-f]+|\b[0-9a-f_]{16,}|\d{4}-\d\d-\d\d[ T][\d:,.]+")


def _last_words(log: str) -> str:
    """Return the last line that names an error, without what differs from run to run."""
    lines = [line for line in log.splitlines() if line.strip()]
    errors = [match[0] for line in lines if (match := _ERROR.search(line))]
    return _CHANGING.sub("…", (errors or lines or ["nothing was said"])[-1])[:160]
