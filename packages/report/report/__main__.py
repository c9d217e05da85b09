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
from report.warehouse import ROOT, WarehouseError, add_options, answers_of, read_variables


def main() -> None:
    """Write the page, and say where it is; or run `notify` or `info`, if that is asked for."""
    if sys.argv[1:2] == ["notify"]:
        notify(sys.argv[2:])
        return
    if sys.argv[1:2] == ["info"]:
        info(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(prog="make report", description=__doc__)
    add_options(parser)
    parser.add_argument("--output", type=Path, default=ROOT / "output" / "report.html")
    options = parser.parse_args()
    try:
        read_variables()
        url = run_url()
        where, rows = answers_of(options)
        source = Path(where).name
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
