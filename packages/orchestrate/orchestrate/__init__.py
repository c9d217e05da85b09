"""Syncs that run beside others: state for each project in a place that all machines reach."""

from __future__ import annotations
