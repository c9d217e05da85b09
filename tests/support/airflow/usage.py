"""What programs take of the machine: memory, processor time, disk."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from tests.support.airflow.cluster import tree_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_SECONDS_BETWEEN_LOOKS = 1.0
MEGABYTE = 1_000_000


@dataclass
class Peak:
    """The most memory that was in use at one moment, in megabytes.

    Attributes:
        resident: what each process holds, added up: what several share counts for each of them.
        own: the same with what several share divided among them, so that it counts once.
        processes: how many there were.
    """

    resident: float = 0
    own: float = 0
    processes: int = 0


@contextmanager
def memory(roots: Callable[[], Iterable[int]], look_at: Callable[[str], None]) -> Iterator[Peak]:
    """Watch processes and all below them until the block ends.

    Args:
        roots: returns the ids of the first processes.
        look_at: called with the command line of each process that is seen.
    """
    peak, ended = Peak(), threading.Event()

    def watch() -> None:
        while not ended.wait(_SECONDS_BETWEEN_LOOKS):
            resident = own = processes = 0
            for process in _all_of(roots()):
                with suppress(psutil.Error):
                    look_at(" ".join(process.cmdline()))
                    found = process.memory_full_info()
                    resident, own, processes = (
                        resident + found.rss,
                        own + getattr(found, "pss", found.rss),
                        processes + 1,
                    )
            peak.resident = max(peak.resident, resident / MEGABYTE)
            peak.own = max(peak.own, own / MEGABYTE)
            peak.processes = max(peak.processes, processes)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def processor_seconds(roots: Iterable[int]) -> float:
    """Return the processor time that processes and all below them have taken so far.

    What has ended counts from the moment at which its parent has waited for it.
    """
    total = 0.0
    for process in _all_of(roots):
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def megabytes_in(folder: Path) -> float:
    """Return how large the files in a folder are."""
    sizes = 0
    for file in folder.rglob("*"):
        with suppress(OSError):
            sizes += file.lstat().st_blocks * 512
    return sizes / MEGABYTE


def _all_of(roots: Iterable[int]) -> Iterator[psutil.Process]:
    for root in roots:
        yield from tree_of(root)
