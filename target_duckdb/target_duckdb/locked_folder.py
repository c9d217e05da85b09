"""A temporary folder: nobody removes it while it is in use, and the next run does after a kill."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import IO, Any

fcntl: Any = None  # on Windows, where what a killed process leaves stays there
with contextlib.suppress(ImportError):
    import fcntl

# Only a folder that has this file is one of these. Its lock ends with the process, however it ends.
_LOCK = "target-duckdb.lock"


class LockedFolder:
    """A folder of this process, as a context or until `remove` is called."""

    def __init__(self, prefix: str, within: Path) -> None:
        """Make a folder in `within`, and remove those there that killed processes left.

        Raises:
            OSError: it cannot be made.
        """
        remove_abandoned(prefix, within)
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
            self._lock = (self.path / _LOCK).open("wb")
            # Another process may have found it unlocked until now, and removes it.
            if _locked(self._lock, otherwise=True) and (self.path / _LOCK).exists():
                return
            self._lock.close()

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Remove the folder with all that is in it, unless that is done."""
        if not self._lock.closed:
            shutil.rmtree(self.path, ignore_errors=True)
            self._lock.close()


def remove_abandoned(prefix: str, within: Path) -> None:
    """Remove the folders of this user in `within` whose process is gone."""
    if fcntl is None:
        return
    for path in within.glob(f"{prefix}*"):
        # Another process may be removing it, too.
        with contextlib.suppress(OSError):
            found = path.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
                with (path / _LOCK).open("r+b") as lock:
                    if _locked(lock, otherwise=False):
                        shutil.rmtree(path, ignore_errors=True)


def _locked(file: IO[bytes], *, otherwise: bool) -> bool:
    """Lock `file` unless another process has; `otherwise` is what to say if it has no locks."""
    if fcntl is None:
        return otherwise
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return otherwise
    return True
