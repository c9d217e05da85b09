"""What fits the SDK: its stream, tap, writer and command."""

from __future__ import annotations
