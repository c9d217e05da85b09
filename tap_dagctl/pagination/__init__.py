"""Every row of a list in pages, while rows move under the reader."""

from __future__ import annotations
