"""Meltano on the stand-in's account, as the demo and the tests run it."""

from __future__ import annotations

import os
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
MELTANO = _ROOT / ".tools" / "meltano" / "bin" / "meltano"
# What a real account, its warehouse and its states are named by.
_SOMEBODYS = ("DAGCTL", "ORG_ID", "PROJECT_ID", "TAP_", "TARGET_", "DBT_", "MELTANO")


def environment_for(url: str, token: str, organization_id: str) -> dict[str, str]:
    """Return this program's environment with the stand-in's account instead of any other."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(_SOMEBODYS)}
    return others | {
        "DAGCTL_TOKEN": token,
        "ORG_ID": organization_id,
        # Each extractor of `meltano.yml` has variables of its own.
        "TAP_DAGCTL_API_URL": url,
        "TAP_DAGCTL_RUNS_API_URL": url,
        "TAP_DAGCTL_STATISTICS_API_URL": url,
        "NO_COLOR": "1",
    }
