"""Who is told what: the variables and options beside the addresses."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

from report.notify.findings import KINDS
from report.notify.news import Finding

ADDRESSES = "DAGCTL_NOTIFY_ADDRESSES"
OWNERS = "DAGCTL_NOTIFY_OWNERS"
KINDS_TOLD = "DAGCTL_NOTIFY_KINDS"
MUTED = "DAGCTL_NOTIFY_MUTED"
PAGE = "DAGCTL_PAGE_URL"


class SettingError(Exception):
    """A variable holds what it cannot; the message says which, and shows no address."""


@dataclass(frozen=True)
class Settings:
    """Which findings are told to whom.

    Attributes:
        kinds: the names of the kinds that are told.
        owners: by project, or project/job, who is told of it instead of everybody.
        muted: by the same, until when nothing new of it is told.
        page: where the page of the report is hosted, if it is.
    """

    kinds: tuple[str, ...]
    owners: dict[str, str]
    muted: dict[str, datetime]
    page: str

    def owner_of(self, finding: Finding) -> str | None:
        """Return which of `owners` a finding belongs to: that of the job before the project's."""
        return next((label for label in finding.labels if label in self.owners), None)

    def is_muted(self, finding: Finding) -> bool:
        """Say whether nothing of it is told now."""
        now = datetime.now(tz=timezone.utc)
        return any(self.muted.get(label, now) > now for label in finding.labels)

    def unknown(self, projects: Iterable[str]) -> list[str]:
        """Return the names in the settings that begin with none of the projects."""
        known = tuple(projects)
        return [
            name
            for name in dict.fromkeys([*self.owners, *self.muted])
            if not any(name == it or name.startswith(f"{it}/") for it in known)
        ]


def settings(options: argparse.Namespace) -> Settings:
    """Read the variables; an option goes before its variable.

    Raises:
        SettingError: one of them cannot be used.
    """
    try:
        told = options.kinds or kinds(os.environ.get(KINDS_TOLD) or ",".join(KINDS))
    except argparse.ArgumentTypeError as error:
        raise SettingError(f"{KINDS_TOLD}: {error}") from error
    muted = _by_name(MUTED, '{"sales/nightly": "2026-04-01"}')
    muted.update(dict(options.mute))
    page = os.environ.get(PAGE, "").strip()
    # What a service would not take for a link, or would end early.
    if page and (urlsplit(page).scheme not in {"http", "https"} or set(page) & set(' "<>()[]')):
        raise SettingError(f"{PAGE} must be like https://example.com/report.html")
    return Settings(
        tuple(told),
        _by_name(OWNERS, '{"sales": "mailto://…", "sales/nightly": "slack://…"}'),
        {name: _until(name, text) for name, text in muted.items()},
        page,
    )


def kinds(text: str) -> tuple[str, ...]:
    """Return the kinds in a list with commas.

    Raises:
        ArgumentTypeError: there is no such kind.
    """
    names = tuple(word.strip() for word in text.split(","))
    for name in names:
        if name not in KINDS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(KINDS)}")
    return names


def mute(text: str) -> tuple[str, str]:
    """Return the two parts of `project/job=until`.

    Raises:
        ArgumentTypeError: it has no two parts.
    """
    name, _, until = text.rpartition("=")
    if not name or not until:
        raise argparse.ArgumentTypeError(f"{text!r} is not like sales/nightly=2026-04-01")
    return name, until


def _by_name(variable: str, example: str) -> dict[str, Any]:
    text = os.environ.get(variable, "").strip()
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(it, str) for it in found.values()):
        # It is not shown: it may hold addresses.
        raise SettingError(f"{variable} must be JSON like {example}")
    return found


def _until(name: str, text: str) -> datetime:
    try:
        # Python 3.10 knows no Z.
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise SettingError(
            f"{MUTED}: {name!r} must be muted until a day or a time in UTC, such as 2026-04-01 or "
            f"2026-04-01T12:00:00Z, not {text!r}"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
