"""From rows to records."""

from __future__ import annotations
