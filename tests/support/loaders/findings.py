"""What was found of each way, as findings.json beside this file has it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.support.environments import GROUPS
from tests.support.project import ROOT

FILE = Path(__file__).with_name("findings.json")


def findings() -> dict[str, dict[str, Any]]:
    """Return each way's `settings`, `differs` and `whose` in words, and what is `measured`."""
    recorded: dict[str, dict[str, Any]] = json.loads(FILE.read_text())
    return recorded


def loader_of(way: str) -> str:
    """Return the distribution that a way runs."""
    return way.partition(",")[0]


def version_of(way: str) -> str:
    """Return the version of the loader that a way runs."""
    if match := re.search(rf'"{loader_of(way)}==([^"]+)"', GROUPS.read_text()):
        return match[1]
    ours = (ROOT / "packages" / "target-duckdb" / "pyproject.toml").read_text()
    (version,) = re.findall('^version = "([^"]+)"', ours, re.MULTILINE)
    return str(version)
