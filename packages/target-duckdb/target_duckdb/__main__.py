"""What `target-duckdb` and `python -m target_duckdb` run."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line."""
    # Else the file would get the number of one that is closed, and what is written to that.
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - standard error
        pass
    os.close(number)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - stays open
    # What is imported stays: no use looking it through for garbage.
    gc.disable()
    from target_duckdb.target import TargetDuckDB  # noqa: PLC0415 - see above

    gc.enable()
    gc.freeze()
    TargetDuckDB.cli()


if __name__ == "__main__":
    main()
