"""Types of properties as a tap declares them."""

from __future__ import annotations

INTEGER = {"type": ["integer", "null"]}
NUMBER = {"type": ["number", "null"]}
TEXT = {"type": ["string", "null"]}
FLAG = {"type": ["boolean", "null"]}
OBJECT = {"type": ["object", "null"]}
ARRAY = {"type": ["array", "null"]}
TIMESTAMP = {"type": ["string", "null"], "format": "date-time"}
DATE = {"type": ["string", "null"], "format": "date"}
TIME = {"type": ["string", "null"], "format": "time"}
