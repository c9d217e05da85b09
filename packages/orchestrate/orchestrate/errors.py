"""What can go wrong that a person can mend."""

from __future__ import annotations


class OrchestrateError(Exception):
    """The program cannot go on; the message is one line, and for a person."""
