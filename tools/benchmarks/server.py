"""A server too fast to be the bottleneck: model executions, in answers made beforehand.

It speaks just enough HTTP, from bytes that are encoded and packed once.
`python benchmarks/server.py ROWS DELAY_MS` prints its URL and serves until its input is closed.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import sys
from datetime import datetime, timedelta, timezone
from functools import cache, lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

MOST_ROWS = 500
BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
STATUSES = ["success"] * 17 + ["failed", "skipped", "blocked"]


def row(number: int) -> dict[str, Any]:
    """Return a row as the API writes it: what is null is left out."""
    luck = random.Random(number)  # noqa: S311 - rows are to be the same each time
    start = BEGIN + timedelta(seconds=number * 7, microseconds=luck.randrange(10**6))
    seconds = round(luck.lognormvariate(2, 1), 3)
    status = luck.choice(STATUSES)
    made: dict[str, Any] = {
        "id": f"exec_{number:09}",
        "project_id": "proj_bench",
        "run_id": f"run_{number // 12:08}",
        "model_name": f"warehouse.model_{number % 173:03}",
        "status": status,
        "start_time": _text(start),
        "end_time": _text(start + timedelta(seconds=seconds)),
        "duration_seconds": seconds,
        "created_at": _text(start - timedelta(seconds=luck.random())),
        "updated_at": _text(start + timedelta(seconds=seconds + luck.random())),
    }
    if status == "failed":
        made["error_message"] = f'relation "stage_{number % 7}" does not exist'
    return made


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".") + "Z"


@cache
def _encoded(number: int) -> bytes:
    return json.dumps(row(number)).encode()


class Server:
    """Serves so many rows, each answer after so many seconds."""

    def __init__(self, rows: int, delay: float) -> None:
        self._rows = rows
        self._delay = delay

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                url = head.split(b" ", 2)[1].decode()
                body = self.answer(url)
                if self._delay:
                    await asyncio.sleep(self._delay)
                date = datetime.now(tz=timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    b"Content-Encoding: gzip\r\nDate: %b\r\nContent-Length: %d\r\n\r\n%b"
                    % (date.encode(), len(body), body)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def answer(self, url: str) -> bytes:
        """Return the answer to `url`, packed."""
        return self._packed(url)

    @lru_cache(maxsize=4_096)  # noqa: B019 - it lives as long as the program
    def _packed(self, url: str) -> bytes:
        return gzip.compress(self.body(url), compresslevel=1)

    def body(self, url: str) -> bytes:
        """Return the answer to `url`, before it is packed."""
        split = urlsplit(url)
        query = parse_qs(split.query)
        if split.path.endswith("/projects"):
            project = {"id": "proj_bench", "name": "benchmark", "updated_at": _text(BEGIN)}
            return json.dumps({"projects": [project], "total": 1}).encode()
        return self._page(int(query["page"][0]), min(int(query["limit"][0]), MOST_ROWS))

    def _page(self, page: int, limit: int) -> bytes:
        rows = b",".join(map(_encoded, range(self._rows)[(page - 1) * limit : page * limit]))
        tail = {
            "total": self._rows,
            "page": page,
            "limit": limit,
            "total_pages": -(-self._rows // limit),
        }
        return b'{"executions":[' + rows + b"]," + json.dumps(tail).encode()[1:]


async def serve(answers: Server) -> None:
    """Serve on a free port until standard input is closed; print the URL."""
    server = await asyncio.start_server(answers, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"http://127.0.0.1:{port}/api/v1\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(Server(int(sys.argv[1]), float(sys.argv[2]) / 1_000)))
