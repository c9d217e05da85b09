"""Spreads the projects over shards: `python -m orchestrate.shards 4`.

Prints a JSON list with a text for each shard, which `TAP_DAGCTL_PROJECT_IDS` takes. A project stays
in its shard as long as the number of shards stays the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterable, Sequence

from orchestrate.command import exit_with
from orchestrate.tap import projects_of, tap_of_environment


def shards(project_ids: Iterable[str], number: int) -> list[list[str]]:
    """Return the projects of each shard that has any."""
    spread: dict[int, list[str]] = {}
    for project_id in sorted(project_ids):
        digest = hashlib.sha256(project_id.encode("utf-8", "surrogatepass")).digest()
        spread.setdefault(int.from_bytes(digest[:8], "big") % number, []).append(project_id)
    return [spread[shard] for shard in sorted(spread)]


def setting(project_ids: Sequence[str]) -> str:
    """Return what `TAP_DAGCTL_PROJECT_IDS` must be for just these projects."""
    joined = ",".join(project_ids)
    is_plain = joined.split(",") == list(project_ids) and not joined.startswith("[")
    return joined if is_plain else json.dumps(project_ids)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="orchestrate.shards", description=__doc__)
    parser.add_argument("number", type=_positive, help="of shards: 1 or more")
    number = parser.parse_args(arguments).number
    exit_with("orchestrate.shards", lambda: _print(number))


def _print(number: int) -> int:
    chosen = projects_of(tap_of_environment()).chosen
    print(json.dumps([setting(shard) for shard in shards(chosen, number)]))
    return 0


def _positive(text: str) -> int:
    if text.isdecimal() and int(text):
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no number of 1 or more")


if __name__ == "__main__":
    main()
