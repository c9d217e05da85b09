"""The stand-in as a program: `python -m stand_in` serves a made-up history on loopback.

It prints its address and credentials as one line of JSON, then serves until its standard input is
closed, so that it cannot outlive whoever started it.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime, timezone

from stand_in.history import History
from stand_in.server import serving
from stand_in.world import World


def main() -> None:
    """Serve until standard input is closed."""
    parser = argparse.ArgumentParser(prog="python -m stand_in", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--days", type=int, default=90, help="how far the history goes back")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--now", help="the API's clock; default: this machine's")
    options = parser.parse_args()
    now = datetime.fromisoformat(options.now) if options.now else datetime.now(tz=timezone.utc)
    world = World(now=now.astimezone(timezone.utc).replace(microsecond=0))
    history = History(world, seed=options.seed, days=options.days)
    with serving(world, options.port) as api:
        api.advance = history.advance
        address = {
            "url": api.url,
            "token": world.token,
            "organization_id": world.organization_id,
        }
        sys.stdout.write(json.dumps(address) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
