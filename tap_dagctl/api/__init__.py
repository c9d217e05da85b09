"""Requests to the API, and their answers."""

from __future__ import annotations
