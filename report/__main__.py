"""`make report`: writes the page from the warehouse."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dotenv import load_dotenv

from report.answers import ask
from report.notify.command import main as notify
from report.page import write
from report.warehouse import (
    ROOT,
    WarehouseError,
    answers_schema,
    duckdb_file,
    in_duckdb,
    in_postgres,
)


def main() -> None:
    """Write the page, and say where it is; or, told `notify`, tell what is new."""
    if sys.argv[1:2] == ["notify"]:
        notify(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(prog="make report", description=__doc__)
    parser.add_argument("--warehouse", choices=("duckdb", "postgres"), default="duckdb")
    parser.add_argument("--output", type=Path, default=ROOT / "output" / "report.html")
    parser.add_argument("--schema", help="the schema that dbt built the answers in")
    options = parser.parse_args()
    # Where the loader's connection is written down; what the environment says goes first.
    load_dotenv(ROOT / ".env")
    schema = options.schema or answers_schema()
    try:
        if options.warehouse == "postgres":
            source, rows = "PostgreSQL", in_postgres(schema)
        else:
            file = duckdb_file()
            source, rows = file.name, in_duckdb(file, schema)
        write(ask(rows), source, options.output)
    except (WarehouseError, OSError) as error:
        sys.exit(f"report: {error}")
    except KeyError as error:
        sys.exit(
            f"report: the answers were built by another version, without {error}: build them again"
        )
    sys.stdout.write(f"{options.output} is written, from {source}\n")


if __name__ == "__main__":
    main()
