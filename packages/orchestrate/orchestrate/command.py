"""What every program here does: lines on stderr under its name, and an exit code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from orchestrate.errors import OrchestrateError

logger = logging.getLogger("orchestrate")

PART_FAILED = 1
"""The exit code of a sync of which a part failed; the rest is loaded."""
NOTHING_DONE = 2
"""The exit code of a program that could not do its work, as for a command line that is wrong."""


def exit_with(program: str, run: Callable[[], int]) -> None:
    """Run a program and end with its exit code, or with a line for what a person can mend."""
    logging.basicConfig(format=f"{program}: %(message)s")
    logger.setLevel(logging.INFO)
    try:
        code = run()
    except OrchestrateError as error:
        for line in str(error).splitlines():
            logger.error("%s", line)  # noqa: TRY400 - a traceback helps nobody here
        code = NOTHING_DONE
    sys.exit(code)
