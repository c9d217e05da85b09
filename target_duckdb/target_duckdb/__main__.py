"""What `target-duckdb` and `python -m target_duckdb` run."""

from __future__ import annotations

import gc


def main() -> None:
    """Run the command line."""
    # What is imported stays: no use looking it through for garbage.
    gc.disable()
    from target_duckdb.target import TargetDuckDB  # noqa: PLC0415 - see above

    gc.enable()
    gc.freeze()
    TargetDuckDB.cli()


if __name__ == "__main__":
    main()
