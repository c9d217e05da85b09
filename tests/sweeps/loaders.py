"""Loaders that people use, compared row by row with what the API holds: `make loaders`."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from pathlib import Path

from tests.support.environments import install
from tests.support.loaders.findings import findings, record
from tests.support.loaders.ways import SNOWFLAKE, WAYS, measured


def main() -> int:
    """Print a line for each way; 1 if one is no longer as recorded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="run only the ways that have one of these in them")
    parser.add_argument("--record", action="store_true", help="write what is found as expected")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    recorded, found, is_new = findings(), {}, False
    for name, way in WAYS.items():
        if arguments.names and not any(part in name for part in arguments.names):
            continue
        for group in (way.environment, "fakesnow" if way.loader == SNOWFLAKE else None):
            if group:
                install(group)
        with tempfile.TemporaryDirectory() as directory:
            found[name] = measured(way, Path(directory))
        print(f"{name}: {found[name]}", flush=True)
        if found[name] != (expected := recorded.get(name, {}).get("measured")):
            is_new = True
            print(f"  this is new; recorded was: {expected}", flush=True)
    if arguments.record:
        record(found)
    return int(is_new and not arguments.record)


if __name__ == "__main__":
    sys.exit(main())
