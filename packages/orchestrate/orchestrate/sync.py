"""One sync of tap-dagctl beside others: `python -m orchestrate.sync target-postgres`.

The settings are in the environment: the tap's (`TAP_DAGCTL_…`), the target's (`TARGET_…`), and
where states are kept (`STATE_BACKEND_URI`). Each project has its own state, and is locked while the
sync runs. It needs Linux or macOS, and a target that takes `--config ENV`, as those of the Singer
SDK do.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from orchestrate.backends.base import VARIABLE, StateBackend
from orchestrate.command import NOTHING_DONE, PART_FAILED, exit_with
from orchestrate.errors import OrchestrateError
from orchestrate.pipeline import Pipeline, Program, exit_code
from orchestrate.saved_states import SavedStates
from orchestrate.state_backend import state_backend
from orchestrate.states import NO_PROJECT, part_name
from orchestrate.tap import COMMAND, catalog_of, projects_of, tap_of_environment

logger = logging.getLogger("orchestrate")

_SECONDS_BETWEEN_TRIES = 1.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_line("orchestrate.sync", __doc__)
    parser.add_argument("--prepare", action="store_true", help="only let the target create tables")
    options = parser.parse_args(arguments)
    exit_with("orchestrate.sync", lambda: (_prepare if options.prepare else sync)(options))


def command_line(program: str, description: str | None) -> argparse.ArgumentParser:
    """Return the options of a sync, for a program that runs one."""
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("target", help="its command, as a path or a name")
    parser.add_argument("--state-id", help="a name for the states; default: tap-dagctl-to-TARGET")
    parser.add_argument("--streams", help="only these, like runs,model_executions")
    parser.add_argument(
        "--wait", type=float, default=600, help="seconds for another sync to end; default: 600"
    )
    parser.add_argument(
        "--limit", type=float, default=86_400, help="seconds for this sync to end; default: a day"
    )
    return parser


def sync(options: argparse.Namespace) -> int:
    """Run one sync, and return its exit code.

    Raises:
        OrchestrateError: it cannot begin, or not go on.
    """
    target, streams = _target(options.target), _streams(options.streams)
    state_id = options.state_id or f"tap-dagctl-to-{Path(target.command[0]).name}"
    tap = tap_of_environment()
    files: dict[str, object] = {"--catalog": catalog_of(tap, streams or set(tap.streams))}
    pipeline = Pipeline(options.limit)
    with state_backend(os.environ.get(VARIABLE), state_id) as backend:
        projects = projects_of(tap, backend.names())
        if not projects.chosen:
            logger.warning("There is no project to sync")
            return 0
        parts = [part_name(project_id) for project_id in projects.chosen]
        _wait_for_lock(backend, parts, options.wait)
        # The tap takes what is deleted out of the state in the end; any sync may do that.
        listed = {part_name(project_id) for project_id in projects.listed}
        unlisted = backend.names() - listed - {NO_PROJECT}
        parts += [name for name in sorted(unlisted) if backend.try_lock([name])]
        states = SavedStates(backend, [NO_PROJECT, *parts])
        files["--state"] = states.whole
        # A project that is new by now has no lock and waits for the next sync.
        files["--config"] = {"project_ids": projects.chosen}
        environment = _environment("TAP_")
        # It would go first, and a variable cannot hold the ids of thousands of projects.
        environment.pop("TAP_DAGCTL_PROJECT_IDS", None)
        program = Program(COMMAND, environment, files)
        try:
            code = pipeline.run(
                program, target, states.save_line, backend.check_locks, backend.descriptors
            )
        except OSError as error:
            raise _does_not_start(target, error) from None
        return NOTHING_DONE if code == PART_FAILED and not states.is_any_told else code


def _prepare(options: argparse.Namespace) -> int:
    target, streams = _target(options.target), _streams(options.streams)
    tap = tap_of_environment()
    if streams:
        catalog_of(tap, streams)
    done = subprocess.run(
        [*COMMAND, "--test=schema"],
        stdout=subprocess.PIPE,
        env=_environment("TAP_"),
        check=False,
    )
    if done.returncode:
        return exit_code(done.returncode)
    unwanted = tap.streams.keys() - streams if streams else set()
    lines = done.stdout.splitlines(keepends=True)
    wanted = [line for line in lines if json.loads(line)["stream"] not in unwanted]
    try:
        loader = subprocess.run(
            target.command,
            input=b"".join(wanted),
            stdout=subprocess.DEVNULL,
            env=target.environment,
            check=False,
        )
    except OSError as error:
        raise _does_not_start(target, error) from None
    return exit_code(loader.returncode)


def _wait_for_lock(backend: StateBackend, parts: Collection[str], seconds: float) -> None:
    until = time.monotonic() + seconds
    is_told = False
    while not backend.try_lock(parts):
        if time.monotonic() >= until:
            raise OrchestrateError(
                f"Another sync of these projects has not ended within {seconds:g} s; try later"
            )
        if not is_told:
            logger.info("Another sync of these projects goes on; waiting for its end")
            is_told = True
        time.sleep(_SECONDS_BETWEEN_TRIES)


def _environment(prefix: str) -> dict[str, str]:
    """Return the variables for the tap or the target: no settings of the other, and no secrets.

    Args:
        prefix: what the program's own settings begin with.
    """
    not_for_it = {"TAP_", "TARGET_", VARIABLE} - {prefix}
    return {k: v for k, v in os.environ.items() if not k.startswith(tuple(not_for_it))}


def _target(name: str) -> Program:
    """Return the target of a name: by path, on PATH, or beside the Python that runs this."""
    beside = str(Path(sys.executable).parent)
    if found := shutil.which(name) or shutil.which(name, path=beside):
        # Else a PostgreSQL whose time zone is not UTC makes local time of every timestamp.
        return Program([found, "--config", "ENV"], {**_environment("TARGET_"), "PGTZ": "UTC"})
    raise OrchestrateError(f"There is no program {name}: install the target, or name its path")


def _does_not_start(target: Program, error: OSError) -> OrchestrateError:
    return OrchestrateError(f"{target.command[0]} does not start: {error.strerror}")


def _streams(text: str | None) -> set[str]:
    return {name.strip() for name in (text or "").split(",") if name.strip()}


if __name__ == "__main__":
    main()
