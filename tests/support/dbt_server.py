"""The plugin's dbt without the seconds in which it starts and reads the project.

As a program it runs in dbt's environment: it reads the project once, and for each line of its input
a process of its own runs the command on that line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.support.warehouses import Warehouse

_ROOT = Path(__file__).parents[2]
_PYTHON = _ROOT / ".meltano" / "utilities" / "dbt" / "venv" / "bin" / "python"
Done = subprocess.CompletedProcess[str]


class Dbt:
    """Runs dbt's commands on any warehouse that is called as the first of its kind was."""

    def __init__(self, directory: Path) -> None:
        """Keep what dbt writes in `directory`."""
        self._directory = directory
        self._servers: dict[str, subprocess.Popen[str]] = {}

    def __call__(
        self,
        warehouse: Warehouse,
        *arguments: str,
        now: datetime | None = None,
        environment: dict[str, str] | None = None,
        parse: bool = False,
        **variables: Any,
    ) -> Done:
        """Run a command with these variables of dbt, and return what it said, whatever the code.

        The schemas' names are read with the project, so that another one needs `parse`.
        """
        if now:
            variables["dagctl_as_of"] = f"{now:%Y-%m-%d %H:%M:%S}"
        line = [*arguments, "--vars", json.dumps(variables)] if variables else [*arguments]
        server = self._servers.get(warehouse.dbt) or self._start(warehouse)
        order = [line, {**warehouse.environment, **(environment or {})}, parse]
        print(json.dumps(order), file=server.stdin, flush=True)
        answer = server.stdout.readline() if server.stdout else ""
        assert answer, (self._directory / f"{warehouse.dbt}.stderr").read_text()
        code, said = json.loads(answer)
        # It runs in dbt's environment, where not all of the tests' packages are.
        from tests.support import troubleshooting  # noqa: PLC0415

        troubleshooting.check(troubleshooting.of_dbt(said))
        return subprocess.CompletedProcess(line, code, said)

    def build(self, warehouse: Warehouse, *arguments: str, **options: Any) -> str:
        """Run a command, `build` if none is named, in which nothing fails or warns."""
        done = self(warehouse, *(arguments or ("build",)), **options)
        assert done.returncode == 0, done.stdout
        assert "WARN=0 ERROR=0 SKIP=0" in done.stdout, done.stdout
        return done.stdout

    def target_path(self, warehouse: Warehouse) -> Path:
        """Return where dbt writes for warehouses of this kind."""
        return self._directory / warehouse.dbt

    def end(self) -> None:
        for server in self._servers.values():
            server.communicate()

    def _start(self, warehouse: Warehouse) -> subprocess.Popen[str]:
        name, written = warehouse.dbt, str(self.target_path(warehouse))
        project = str(_ROOT / "packages" / "transform")
        environment = {
            **os.environ,
            **warehouse.environment,
            **dict.fromkeys(("DBT_PROJECT_DIR", "DBT_PROFILES_DIR"), project),
            **dict.fromkeys(("DBT_TARGET_PATH", "DBT_LOG_PATH"), written),
            "DBT_TARGET": name.removeprefix("dbt-"),
            "DBT_USE_COLORS": "false",
            "DBT_PRINTER_WIDTH": "200",
        }
        pipe = subprocess.PIPE
        with (self._directory / f"{name}.stderr").open("w") as errors:
            self._servers[name] = subprocess.Popen(
                [_PYTHON, __file__],
                stdin=pipe,
                stdout=pipe,
                stderr=errors,
                env=environment,
                text=True,
            )
        return self._servers[name]


@contextmanager
def dbt_in(directory: Path) -> Iterator[Dbt]:
    """Run it until the block ends."""
    dbt = Dbt(directory)
    try:
        yield dbt
    finally:
        dbt.end()


def _serve() -> None:
    # Here, as only dbt's environment has it.
    from dbt.cli.main import dbtRunner  # type: ignore[import-not-found]  # noqa: PLC0415

    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    project = dbtRunner().invoke(["parse", "--quiet"]).result
    for order in sys.stdin:
        line, environment, is_read_again = json.loads(order)
        with tempfile.TemporaryFile("w+") as said:
            # It ends with its command, so that it keeps no file of DuckDB's open.
            if not (child := os.fork()):
                os.dup2(said.fileno(), 1)
                os.environ.update(environment)
                done = dbtRunner(manifest=None if is_read_again else project).invoke(line)
                if done.exception:
                    print(done.exception)  # noqa: T201 - as the program does
                sys.stdout.flush()
                os._exit(0 if done.success else 2 if done.exception else 1)
            _, status = os.waitpid(child, 0)
            said.seek(0)
            answer.write(json.dumps([os.waitstatus_to_exitcode(status), said.read()]) + "\n")
            answer.flush()


if __name__ == "__main__":
    _serve()
