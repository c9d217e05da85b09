"""A Singer target for DuckDB."""

from __future__ import annotations
