"""The settings: their JSON schema for the SDK, and their checked values for the tap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tap_dagctl import redaction, timestamps
from tap_dagctl.errors import ConfigurationError

DEFAULT_API_URL = "https://api.dagctl.com/api/v1"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
# The SDK's streams obey it, even though this tap does not offer the capability.
ACTIVATE_VERSION = "emit_activate_version_messages"
HELP = "`tap-dagctl --about` describes every setting"


def _setting(schema: dict[str, object], title: str, description: str) -> Any:  # noqa: ANN401 - of the field's type
    schema = {**schema, "title": title, "description": description}
    return field(metadata=schema | {"type": [schema["type"], "null"]})


def _required(title: str, description: str, **more: object) -> Any:  # noqa: ANN401 - as above
    # An unset `${DAGCTL_TOKEN}` is an empty text: without this it would end in a 401.
    schema = {"type": ["string"], "minLength": 1, "title": title, "description": description}
    return field(metadata=schema | more)


@dataclass(frozen=True)
class Settings:
    """Every setting, in an instance after every check."""

    api_token: str = _required(
        "API token",
        "API token (`dctl_…`), made in dagctl under Settings > Authentication > API Tokens.",
        secret=True,
        writeOnly=True,
    )
    organization_id: str = _required(
        "Organization ID", "The organization to read (`org-…`), sent as `X-Organization-ID`."
    )
    project_ids: tuple[str, ...] = _setting(
        {"type": "array", "items": {"type": ["string", "null"]}},
        "Projects",
        "Ids or names of the projects to read. Default: every project of the organization.",
    )
    exclude_project_ids: tuple[str, ...] = _setting(
        {"type": "array", "items": {"type": ["string", "null"]}},
        "Excluded projects",
        "Ids or names of projects to leave out, even if `project_ids` names them. New projects are "
        "read.",
    )
    refused_projects: str = _setting(
        {"type": "string", "enum": ["fail", "warn"], "default": "fail"},
        "Refused projects",
        "If the API refuses part of a project (403, 404), the rest is read. Then `fail` ends with "
        "exit code 1, `warn` with a warning and 0, so that later steps run.",
    )
    # In nanoseconds since the epoch; None for all history.
    start_date: int | None = _setting(
        {"type": "string", "format": "date-time"},
        "Start date",
        "Like `2026-01-31`: skips runs, executions and plans last updated before it, and earlier "
        "statistics. Default: all history, but only 30 days of statistics.",
    )
    api_url: str = _setting(
        {"type": "string", "default": DEFAULT_API_URL},
        "API URL",
        "Address of the API. Without a path, it gets `/api/v1`. `http` is refused, except for "
        "`localhost`.",
    )
    overlap_seconds: int = _setting(
        {"type": "integer", "minimum": 0, "maximum": 31_536_000, "default": 60},
        "Overlap (seconds)",
        "Each sync reads from this many seconds before its bookmark, in case the API shows a row "
        "late. Raise it if rows come later.",
    )
    page_size: int = _setting(
        {"type": "integer", "minimum": 1, "maximum": 500, "default": 500},
        "Page size",
        "Rows in one request. Lower it if answers are too large or too slow. Below 500, some "
        "requests ask for a few more.",
    )
    max_connections: int = _setting(
        {"type": "integer", "minimum": 1, "maximum": 16, "default": 4},
        "Connections",
        "At most this many requests run at the same time. Raise it for many projects; lower it if "
        "the API answers 429 (too many requests).",
    )
    include_sensitive: bool = _setting(
        {"type": "boolean", "default": False},
        "Personal and security data",
        "Adds data to the catalog that may be personal or secret: members, invitations, protected "
        "environments, environment variables without their values, the field `environment` of "
        "`jobs`, and unknown fields whose names suggest a secret.",
    )
    request_timeout: float = _setting(
        {"type": "number", "exclusiveMinimum": 0, "maximum": 86_400, "default": 60},
        "Request timeout (seconds)",
        "Seconds to wait for a connection, and for each part of an answer.",
    )
    max_attempts: int = _setting(
        {"type": "integer", "minimum": 1, "default": 8},
        "Attempts",
        "How many times a request is tried before it fails; at most 4 until the API has answered "
        "once.",
    )
    stats_lookback_days: int = _setting(
        {"type": "integer", "minimum": 0, "maximum": 3_650, "default": 2},
        "Statistics look-back (days)",
        "Each sync reads the statistics of this many past days again, because late runs still "
        "change them.",
    )
    model_stats_window_days: int = _setting(
        {"type": "integer", "minimum": 1, "maximum": 3_650, "default": 7},
        "Model statistics window (days)",
        "Days in each window of `model_stats`; 7 is Monday to Sunday.",
    )
    user_agent: str = _setting(
        {"type": "string"},
        "User agent",
        "Sent as `User-Agent`. Default: `tap-dagctl/` and the version.",
    )

    @property
    def overlap(self) -> int:
        """`overlap_seconds` in nanoseconds."""
        return self.overlap_seconds * timestamps.NANOSECONDS

    @property
    def tolerates_refused(self) -> bool:
        return self.refused_projects == "warn"

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, version: str) -> Settings:
        """Check what `SCHEMA`, which `config` fits, cannot; null means the default."""
        if config.get(ACTIVATE_VERSION):
            raise ConfigurationError(
                f"{ACTIVATE_VERSION} is not supported, so take it out: with a target that deletes, "
                "the rows of each project that failed or that the settings leave out would go"
            )
        given = {name: value for name, value in config.items() if value is not None}
        for name in given.keys() - {"api_token"}:
            if redaction.holds(str(given[name]).encode(), str(given["api_token"]).strip()):
                msg = f"{name} holds the API token: write that into api_token alone"
                raise ConfigurationError(msg)
        values: dict[str, Any] = {
            it.name: given.get(it.name, it.metadata.get("default")) for it in fields(cls)
        }
        values["user_agent"] = values["user_agent"] or f"tap-dagctl/{version}"
        for name in ("api_token", "organization_id", "user_agent"):
            values[name] = _header_value(name, values[name])
        for name in ("project_ids", "exclude_project_ids"):
            values[name] = _names(values[name] or ())
        values["start_date"] = _start(values["start_date"])
        values["api_url"] = _api_url(values["api_url"])
        # The SDK reads a fraction in a file as a `Decimal`, with which a clock cannot reckon.
        values["request_timeout"] = float(values["request_timeout"])
        return cls(**values)


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {it.name: dict(it.metadata) for it in fields(Settings)},
    "required": ["api_token", "organization_id"],
    "$schema": "https://json-schema.org/draft/2020-12/schema",
}


def includes_sensitive(config: Mapping[str, Any]) -> bool:
    """Return `include_sensitive`, which discovery needs of a configuration that is not checked."""
    return config.get("include_sensitive") is True


def _header_value(name: str, value: object) -> str:
    value = str(value).strip()
    # The message must not show the value.
    if not value or not value.isascii() or not value.isprintable():
        msg = f"{name} is empty or has characters no HTTP header can carry: copy it again"
        raise ConfigurationError(msg)
    return value


def _names(names: Iterable[str | None]) -> tuple[str, ...]:
    stripped = (name.strip() for name in names if name)
    # An unset ${PROJECT_ID} arrives from Meltano as an empty name: no restriction.
    return tuple(dict.fromkeys(name for name in stripped if name))


def _start(text: str | None) -> int | None:
    if not text:
        return None
    try:
        return timestamps.parse_setting(text)
    except (ValueError, OverflowError):
        msg = f"start_date {text!r} is not a date: write it like 2026-01-31 or 2026-01-31T00:00:00Z"
        raise ConfigurationError(msg) from None


def _api_url(text: str) -> str:
    example = f"write it like {DEFAULT_API_URL}"
    try:
        url = urlsplit(text.strip())
        host = url.hostname
        _ = url.port  # raises a ValueError if it is not a number
    except ValueError:
        raise ConfigurationError(f"api_url is not a URL: {example}") from None
    if url.scheme not in {"http", "https"} or not host:
        raise ConfigurationError(f"api_url is not an http(s) URL: {example}")
    if url.username or url.password or url.query or url.fragment:
        raise ConfigurationError(f"api_url has credentials, a query or a fragment: {example}")
    if url.scheme == "http" and host not in _LOOPBACK:
        msg = f"api_url sends the token unencrypted to {host}: use https (http is for loopback)"
        raise ConfigurationError(msg)
    path = url.path.rstrip("/") or "/api/v1"
    return urlunsplit((url.scheme, url.netloc, path, "", ""))
