"""`make sandbox`: a made-up dagctl account on this machine, to try the tap on."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from stand_in.history import History
from stand_in.server import PREFIX, serving
from stand_in.world import World

CONFIG = Path(__file__).resolve().parent.parent / "output" / "sandbox.json"
SECONDS_BETWEEN_RUNS = 5

READY = """\
It is served until you press Ctrl-C:

  address       {api_url}
  token         {api_token}
  organization  {organization_id}

The tap reads these from {config}. Try, in another terminal:

  .venv/bin/tap-dagctl --config {config} --test > /dev/null

For Meltano, set variables in a terminal that you use for nothing else. They keep rows, state and
alerts apart from those of your own account:

  export TAP_DAGCTL_API_URL={api_url} DAGCTL_TOKEN={api_token} ORG_ID={organization_id}
  export TARGET_DUCKDB_FILEPATH={output}/sandbox.duckdb DAGCTL_NOTIFY_ADDRESSES=
  export MELTANO_DATABASE_URI=sqlite:///{output}/sandbox-state.db
  .tools/meltano/bin/meltano run everything
"""


def main() -> None:
    """Serve until Ctrl-C; meanwhile, jobs go on running by this machine's clock."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--days", type=int, default=90, help="how far the history goes back")
    parser.add_argument("--config", type=Path, default=CONFIG, help="where to write it for the tap")
    options = parser.parse_args()
    _say(f"Making up an account of three projects, with {options.days} days of runs…\n")
    world = World(now=_now())
    history = History(world, days=options.days)
    try:
        with serving(world, options.port) as api:
            config = {
                "api_url": f"{api.url}{PREFIX}",
                "api_token": world.token,
                "organization_id": world.organization_id,
            }
            file, here = options.config, Path.cwd()
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(config, indent=2) + "\n")
            shown = file.relative_to(here) if file.is_relative_to(here) else file
            _say(READY.format(config=shown, output=CONFIG.parent, **config))
            while True:
                time.sleep(SECONDS_BETWEEN_RUNS)
                history.advance(_now() - world.now)
    except KeyboardInterrupt:
        _say("\nStopped. What it made up is gone.\n")
    except OSError as error:
        sys.exit(f"Port {options.port} cannot be used: {error.strerror}; leave --port out")


def _now() -> datetime:
    return datetime.now(tz=timezone.utc).replace(microsecond=0)


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
