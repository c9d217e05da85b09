"""The kinds of places where states are kept."""

from __future__ import annotations
