"""Brings a whole Singer state into the state backend, or out of it.

So that moving from one machine to shards, or back, reads nothing again:

    python -m orchestrate.transfer import state.json --state-id tap-dagctl-to-target-postgres
    meltano state get dev:tap-dagctl-to-target-postgres | python -m orchestrate.transfer import - …
    python -m orchestrate.transfer export --state-id tap-dagctl-to-target-postgres > state.next
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrate.backends.base import VARIABLE
from orchestrate.command import exit_with
from orchestrate.errors import OrchestrateError
from orchestrate.saved_states import SavedStates
from orchestrate.state_backend import state_backend
from orchestrate.states import NO_PROJECT, State, split


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="orchestrate.transfer", description=__doc__)
    commands = parser.add_subparsers(required=True)
    into = commands.add_parser("import", help="a file with a state, or - for standard input")
    into.add_argument("file")
    into.add_argument("--state-id", required=True)
    into.add_argument("--replace", action="store_true", help="instead of the states that are there")
    into.set_defaults(run=_import)
    out = commands.add_parser("export", help="to standard output")
    out.add_argument("--state-id", required=True)
    out.set_defaults(run=_export)
    options = parser.parse_args(arguments)
    exit_with("orchestrate.transfer", lambda: options.run(options))


def _import(options: argparse.Namespace) -> int:
    parts = split(_state_in(options.file))
    with state_backend(os.environ.get(VARIABLE), options.state_id) as backend:
        existing = backend.names()
        if existing and not options.replace:
            raise OrchestrateError(
                f"There are states under {options.state_id} already; import under another state "
                "id, or with --replace"
            )
        if not backend.try_lock(parts.keys() | existing):
            raise OrchestrateError(f"A sync with {options.state_id} goes on; try after its end")
        changed: dict[str, State | None] = dict.fromkeys(existing)
        backend.save({**changed, **parts})
    return 0


def _export(options: argparse.Namespace) -> int:
    with state_backend(os.environ.get(VARIABLE), options.state_id) as backend:
        names = backend.names()
        if not names:
            raise OrchestrateError(f"There are no states under {options.state_id}")
        first = [NO_PROJECT] if NO_PROJECT in names else []
        print(json.dumps(SavedStates(backend, [*first, *sorted(names - {NO_PROJECT})]).whole))
    return 0


def _state_in(file: str) -> State:
    """Return the state in a file: as targets write it, or as `meltano state get` prints it."""
    name = "standard input" if file == "-" else file
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        state: Any = json.loads(text)
    except (OSError, ValueError) as error:
        raise OrchestrateError(f"The state in {name} cannot be read: {error}") from None
    if isinstance(state, dict):
        state = state.get("singer_state", state)
    if not isinstance(state, dict) or "bookmarks" not in state:
        raise OrchestrateError(f"There is no state of Singer in {name}: it has no `bookmarks`")
    return state


if __name__ == "__main__":
    main()
