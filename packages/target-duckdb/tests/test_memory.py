"""What a load takes does not grow with the table."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.program import INTEGER, TEXT, lines, record, schema, state

if TYPE_CHECKING:
    from tests.support.program import Loader

_KEYS = 250_000  # of 2 kB each
_MOST_MEGABYTES = 450
_LITTLE = 1_500_000_000  # bytes of addresses; the program alone has most of a billion
_FILL = f"""
import duckdb, sys
with duckdb.connect(sys.argv[1]) as connection:
    connection.execute("SET force_compression = 'uncompressed'")
    connection.execute("CREATE SCHEMA raw")
    keys = "SELECT repeat(md5(i::VARCHAR), 64) AS id FROM range({_KEYS}) AS it(i)"
    connection.execute(f"CREATE TABLE raw.it AS {{keys}}")
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel does not tell")
def test_a_table_larger_than_what_a_load_takes(loader: Loader) -> None:
    subprocess.run([sys.executable, "-c", _FILL, str(loader.file)], check=True)
    assert loader.file.stat().st_size > 500_000_000
    messages = loader.directory / "messages"
    messages.write_bytes(lines([schema("it", {"id": TEXT}), record("it", {"id": "5"})]))

    assert _peak_megabytes(loader, messages) < _MOST_MEGABYTES
    assert loader.query("SELECT count(*) FROM raw.it") == [(_KEYS + 1,)]


def _peak_megabytes(loader: Loader, messages: Path) -> float:
    peak = 0
    with (
        messages.open("rb") as stdin,
        subprocess.Popen(loader.command(), stdin=stdin, stderr=subprocess.DEVNULL) as process,
    ):
        while process.poll() is None:
            # What `getrusage` tells would begin with what the parent held at the fork.
            with suppress(OSError):
                status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
                found = [int(line.split()[1]) for line in status if line.startswith("VmHWM:")]
                peak = max([peak, *found])
            time.sleep(0.01)
    assert process.returncode == 0
    return peak / 1024


def test_a_record_larger_than_what_a_load_takes(loader: Loader) -> None:
    text = "x" * 140_000_000
    declared = schema("it", {"id": INTEGER, "text": TEXT})
    loader.load([declared, record("it", {"id": 1, "text": text})])

    assert loader.query("SELECT length(text) FROM raw.it") == [(len(text),)]


def test_too_little_memory_is_an_error(loader: Loader) -> None:
    """Where the machine has no more, not where DuckDB's own bound is."""
    declared = schema("it", {"id": INTEGER, "text": TEXT})
    messages = [declared, record("it", {"id": 1}), state(1), declared | {"key_properties": []}]
    messages += [record("it", {"id": 2, "text": "x" * 200_000_000}), state(2)]
    run = loader.run_within("RLIMIT_AS", _LITTLE, messages)

    assert ": give it more memory, or a smaller batch" in run.error
    assert (run.states, loader.rows("it")) == ([{"at": 1}], [{"id": 1, "text": None}])
