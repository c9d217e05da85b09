"""The stand-in for the API: a real HTTP server with a made-up account."""

from __future__ import annotations
