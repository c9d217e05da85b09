"""The script dagctl's own guide would have you write: page through, keep the newest of each id.

`python benchmarks/plain_script.py URL`
"""

from __future__ import annotations

import json
import sys

import requests


def main() -> None:
    """Read everything, then print it."""
    url = f"{sys.argv[1]}/projects/proj_bench/model-executions"
    newest, page = {}, 1
    with requests.Session() as session:
        while True:
            answer = session.get(url, params={"page": page, "limit": 500}, timeout=60)
            answer.raise_for_status()
            body = answer.json()
            for row in body["executions"]:
                newest[row["id"]] = row
            if page >= body["total_pages"]:
                break
            page += 1
    for row in newest.values():
        print(json.dumps(row))


if __name__ == "__main__":
    main()
