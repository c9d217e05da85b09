"""Fetch, decode, encode: what no program that looks at rows can be faster than.

`python benchmarks/bare.py URL [throw]`; with `throw`, answers are fetched and thrown away.
"""

from __future__ import annotations

import sys

import msgspec
import requests


def main() -> None:
    """Page through the model executions, one request after another."""
    url, throw = f"{sys.argv[1]}/projects/proj_bench/model-executions", "throw" in sys.argv
    decoder, encoder = msgspec.json.Decoder(), msgspec.json.Encoder()
    head, tail = b'{"type":"RECORD","stream":"model_executions","record":', b"}\n"
    page, pages = 1, 1
    with requests.Session() as session:
        while page <= pages:
            answer = session.get(url, params={"page": page, "limit": 500}, timeout=60)
            if throw:
                pages = pages if page > 1 else msgspec.json.decode(answer.content)["total_pages"]
            else:
                body = decoder.decode(answer.content)
                pages = body["total_pages"]
                for row in body["executions"]:
                    sys.stdout.buffer.write(head + encoder.encode(row) + tail)
            page += 1


if __name__ == "__main__":
    main()
