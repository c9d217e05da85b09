"""`make airflow`: a whole Airflow on this machine, seen at work on a made-up account."""

from __future__ import annotations
