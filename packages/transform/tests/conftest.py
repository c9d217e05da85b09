from __future__ import annotations

from pathlib import Path

# A project that installs this package has a copy of this folder, which its pytest may come upon.
if not (Path(__file__).parents[3] / "tap_dagctl").is_dir():
    collect_ignore_glob = ["*"]
