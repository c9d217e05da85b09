"""Builds the answers again and again without the seconds in which dbt starts, by the plugin's dbt.

As a program it runs in dbt's environment: it reads the project once, and for each line of its input
a process of its own runs the command on that line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from tests.support.warehouses import Warehouse

_ROOT = Path(__file__).parents[2]
_PYTHON = _ROOT / ".meltano" / "utilities" / "dbt" / "venv" / "bin" / "python"


@contextmanager
def builds(
    warehouse: Warehouse, directory: Path, *select: str
) -> Iterator[Callable[[datetime], None]]:
    """Return what builds the answers that are told, and what they are made of, as of a moment."""
    environment = {
        **os.environ,
        **warehouse.environment,
        "DBT_PROJECT_DIR": str(_ROOT / "packages" / "transform"),
        "DBT_PROFILES_DIR": str(_ROOT / "packages" / "transform"),
        "DBT_TARGET": warehouse.dbt.removeprefix("dbt-"),
        "DBT_TARGET_PATH": str(directory / "target"),
        "DBT_LOG_PATH": str(directory / "logs"),
    }
    with (
        (directory / "dbt-stderr").open("w") as errors,
        subprocess.Popen(
            [_PYTHON, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            text=True,
        ) as dbt,
    ):
        assert dbt.stdin is not None
        assert dbt.stdout is not None

        def build(now: datetime) -> None:
            assert dbt.stdin is not None
            assert dbt.stdout is not None
            variables = json.dumps({"dagctl_as_of": f"{now:%Y-%m-%d %H:%M:%S}"})
            line = ["run", "--quiet", "--vars", variables, "--select", *select]
            dbt.stdin.write(json.dumps(line) + "\n")
            dbt.stdin.flush()
            assert dbt.stdout.readline() == "True\n", (directory / "logs" / "dbt.log").read_text()

        yield build
        dbt.stdin.close()


def _serve() -> None:
    # Here, as only dbt's environment has it.
    from dbt.cli.main import dbtRunner  # type: ignore[import-not-found]  # noqa: PLC0415

    answer = os.dup(1)
    os.dup2(2, 1)
    project = dbtRunner().invoke(["parse", "--quiet"]).result
    for line in sys.stdin:
        # It ends with its command, so that it keeps no file of DuckDB's open.
        if not (child := os.fork()):
            is_done = dbtRunner(manifest=project).invoke(json.loads(line)).success
            os._exit(not is_done)
        _, status = os.waitpid(child, 0)
        os.write(answer, f"{status == 0}\n".encode())


if __name__ == "__main__":
    _serve()
