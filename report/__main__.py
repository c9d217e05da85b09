"""`make report`: writes the page from the warehouse."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from report.answers import ask
from report.info import main as info
from report.links import run_url
from report.notify.command import main as notify
from report.page import write
from report.warehouse import (
    ROOT,
    WAREHOUSES,
    WarehouseError,
    answers_schema,
    duckdb_file,
    in_duckdb,
    in_postgres,
    read_variables,
    warehouse_name,
)


def main() -> None:
    """Write the page, and say where it is; or run `notify` or `info`, if that is asked for."""
    if sys.argv[1:2] == ["notify"]:
        notify(sys.argv[2:])
        return
    if sys.argv[1:2] == ["info"]:
        info(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(prog="make report", description=__doc__)
    parser.add_argument(
        "--warehouse", type=warehouse_name, default="duckdb", metavar="|".join(WAREHOUSES)
    )
    parser.add_argument("--output", type=Path, default=ROOT / "output" / "report.html")
    parser.add_argument("--schema", help="the schema that dbt built the answers in")
    options = parser.parse_args()
    try:
        read_variables()
        url = run_url()
        schema = options.schema or answers_schema()
        if options.warehouse == "postgres":
            source, rows = "PostgreSQL", in_postgres(schema)
        else:
            file = duckdb_file()
            source, rows = file.name, in_duckdb(file, schema)
        write(ask(rows), source, options.output, url)
    except (WarehouseError, OSError) as error:
        sys.exit(f"report: {error}")
    except KeyError as error:
        sys.exit(
            f"report: the answers were built by another version, without {error}: build them again"
        )
    sys.stdout.write(f"{options.output} is written, from {source}\n")


if __name__ == "__main__":
    main()
