"""Counts what a program wrote: the distinct rows of each stream, and its states.

`python -m benchmarks.written OUTPUT FOLDER` prints that as JSON. OUTPUT holds Singer messages, or
the rows of the plain script. FOLDER holds the files of dlt and the state that the next sync goes on
with; the last state of a tap is put there.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec


def main() -> None:
    """Count, and print."""
    output, folder = Path(sys.argv[1]), Path(sys.argv[2])
    keys: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    size, states, last = output.stat().st_size, [], b""
    with output.open("rb") as lines:
        for line in lines:
            if b'"STATE"' in line[:40]:
                states.append(len(line))
                last = line
            elif "record" in (message := msgspec.json.decode(line)):
                keys[message["stream"]].add(key_of(message["record"]))
    state = folder / "state.json"
    if last:
        state.write_text(json.dumps(msgspec.json.decode(last)["value"]))
    for file in folder.rglob("new_jobs/*.gz"):
        content = gzip.decompress(file.read_bytes())
        size += len(content)
        for row in rows_of(content):
            keys[file.name.partition(".")[0]].add(key_of(row))
    if not states:
        # A program with a file of its own: it is written once, at the end.
        file = next(folder.rglob("state.json"))
        states.append(file.stat().st_size)
    streams = {name: len(of) for name, of in keys.items() if not name.startswith("_dlt")}
    found = {"rows": streams, "bytes": size, "states": states}
    print(json.dumps(found))


def rows_of(content: bytes) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file of dlt, which holds a list of them in each line."""
    for line in content.splitlines():
        rows = msgspec.json.decode(line)
        yield from rows if isinstance(rows, list) else [rows]


def key_of(row: dict[str, Any]) -> tuple[str, ...]:
    """Return what tells a row from the others of its stream."""
    if "id" in row:
        return (row["id"],)
    project = row.get("project_id") or row.get("_projects_id", "")
    if "date" in row:
        return (project, row["date"])
    return (project, row.get("model_name", ""), row.get("start_date", ""))


if __name__ == "__main__":
    main()
