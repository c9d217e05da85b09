"""No file imports one that stands on a higher floor, not even for a type."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.programs import ended


def test_every_import_goes_downward() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    assert "7 kept, 0 broken" in ended(program, "--no-cache", env={"COLUMNS": "1000"}).stdout
