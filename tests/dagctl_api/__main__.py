"""The stand-in as a program: `python -m tests.dagctl_api` serves a made-up history on loopback.

It prints its address and credentials as one line of JSON, then serves until its standard input is
closed, so that it cannot outlive whoever started it.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime, timezone

from tests.dagctl_api.history import History
from tests.dagctl_api.server import serving
from tests.dagctl_api.world import World


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.dagctl_api", description=__doc__)
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
