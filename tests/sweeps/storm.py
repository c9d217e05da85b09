"""Syncs in which every request may meet a fault: `make storm`."""

from __future__ import annotations

import sys

from tests.support.storms import storm
from tests.support.sweep import sweep

if __name__ == "__main__":
    sys.exit(sweep(__doc__, "storms", 200, storm))
