"""Runs dbt's commands, each in a process of its own, on a project that it reads once.

A program in dbt's environment, where the tests' packages are not: each line of its input is a
command, with its environment and whether the project is read again.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile

from dbt.cli.main import dbtRunner  # type: ignore[import-not-found]


def _serve() -> None:
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
