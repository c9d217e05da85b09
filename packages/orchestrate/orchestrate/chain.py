"""One sync, and then what is made of the rows: `python -m orchestrate.chain target-postgres`.

It takes the options of `orchestrate.sync`. After the sync, dbt builds the answers, and what is new
in them is told. Both also happen if only a part of the sync failed; the exit code is then still 1.
If nothing was loaded, or the sync was stopped, nothing is built and nobody is told.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestrate.command import PART_FAILED, exit_with
from orchestrate.errors import OrchestrateError
from orchestrate.pipeline import exit_code
from orchestrate.sync import command_line, sync

# The checkout that this is installed from, or else the working folder.
_ROOT = next(
    (it for it in Path(__file__).resolve().parents if (it / "meltano.yml").is_file()), Path.cwd()
)
_WAREHOUSES = ("duckdb", "postgres")
_DBT = os.environ.get("DBT") or str(_ROOT / ".meltano/utilities/dbt/venv/bin/dbt")
_REPORT_PYTHON = os.environ.get("REPORT_PYTHON") or sys.executable


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_line("orchestrate.chain", __doc__)
    parser.add_argument("--page", help="a file for the page that shows the answers")
    options = parser.parse_args(arguments)
    warehouse = Path(options.target).name.removeprefix("target-")
    if warehouse not in _WAREHOUSES:
        parser.error(f"there are no answers for {options.target}; use orchestrate.sync")
    exit_with("orchestrate.chain", lambda: _chain(options, warehouse))


def _chain(options: argparse.Namespace, warehouse: str) -> int:
    code = sync(options)
    if code not in {0, PART_FAILED}:
        return code
    # The sync has ended, and a signal is for what comes now.
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, signal.SIG_DFL)
    with tempfile.TemporaryDirectory() as folder:
        own = {"DBT_TARGET_PATH": folder, "DBT_LOG_PATH": folder}
        for command in _commands(options, warehouse):
            try:
                done = subprocess.run(command, cwd=_ROOT, env=own | os.environ, check=False)
            except OSError as error:
                raise OrchestrateError(f"{command[0]} does not start: {error.strerror}") from None
            if done.returncode:
                return code or exit_code(done.returncode)
    return code


def _commands(options: argparse.Namespace, warehouse: str) -> Iterator[list[str]]:
    project = ["--project-dir", "packages/transform", "--profiles-dir", "packages/transform"]
    yield [_DBT, "build", "--target", warehouse, *project]
    report = [_REPORT_PYTHON, "-m", "report"]
    yield [*report, "notify", "--warehouse", warehouse]
    if options.page:
        yield [*report, "--warehouse", warehouse, "--output", options.page]


if __name__ == "__main__":
    main()
