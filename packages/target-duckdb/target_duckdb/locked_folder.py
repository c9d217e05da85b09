"""A temporary folder that is locked while it is in use; the next run removes it after a kill."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any

fcntl: Any = None  # on Windows, where what a killed process leaves stays there
with contextlib.suppress(ImportError):
    import fcntl

# Only a folder that has this file is one of these. Its lock ends with the process, however it ends.
_LOCK = "target-duckdb.lock"


class LockedFolder:
    """A folder of this process, as a context or until `remove` is called."""

    def __init__(self, prefix: str, within: Path) -> None:
        remove_abandoned(prefix, within)
        self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
        self._lock = (self.path / "unlocked").open("wb")
        # Where there are no locks, the file keeps its name, and nobody removes the folder.
        with contextlib.suppress(OSError):
            if fcntl:
                fcntl.flock(self._lock, fcntl.LOCK_EX)
                (self.path / "unlocked").rename(self.path / _LOCK)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def remove_abandoned(prefix: str, within: Path) -> None:
    """Remove the folders of this user in `within` whose process is gone."""
    for path in within.glob(f"{prefix}*") if fcntl else ():
        # It is locked, or another process removes it at the same time.
        with contextlib.suppress(OSError):
            found = path.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
                with (path / _LOCK).open("r+b") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path, ignore_errors=True)
