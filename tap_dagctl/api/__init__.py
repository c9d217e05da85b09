"""The wire: requests to the API, and what their answers say."""

from __future__ import annotations
