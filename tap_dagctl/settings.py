"""The settings: their JSON schema for the SDK, and their checked values for the tap."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from singer_sdk import typing as th

from tap_dagctl import redaction, timestamps
from tap_dagctl.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULT_API_URL = "https://api.dagctl.com/api/v1"
_API_PREFIX = "/api/v1"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
ACTIVATE_VERSION = "emit_activate_version_messages"
"""A setting that the SDK's streams obey, even though this tap does not offer the capability."""
FAIL, WARN = "fail", "warn"
HELP = "`tap-dagctl --about` describes every setting"


def _integer(minimum: int, maximum: int | None = None) -> th.JSONTypeHelper[int]:
    schema: dict[str, Any] = {"type": ["integer"], "minimum": minimum}
    if maximum is not None:
        schema["maximum"] = maximum
    return th.CustomType(schema)


SCHEMA = th.PropertiesList(
    th.Property(
        "api_token",
        # An unset `${DAGCTL_TOKEN}` is an empty text: without this it would end in a 401.
        th.StringType(min_length=1),
        required=True,
        nullable=False,
        secret=True,
        title="API token",
        description="API token (`dctl_…`), made in dagctl under Settings > Authentication > "
        "API Tokens.",
    ),
    th.Property(
        "organization_id",
        th.StringType(min_length=1),
        required=True,
        nullable=False,
        title="Organization ID",
        description="The organization to read (`org-…`), sent as `X-Organization-ID`.",
    ),
    th.Property(
        "project_ids",
        th.ArrayType(th.StringType(nullable=True)),
        title="Projects",
        description="Ids or names of the projects to read. Default: every project of the "
        "organization.",
    ),
    th.Property(
        "exclude_project_ids",
        th.ArrayType(th.StringType(nullable=True)),
        title="Excluded projects",
        description="Ids or names of projects that are not read, even if `project_ids` names them. "
        "New projects are.",
    ),
    th.Property(
        "refused_projects",
        th.StringType(allowed_values=[FAIL, WARN]),
        default=FAIL,
        title="Refused projects",
        description="What a list that the API refuses for one project (403, 404) does to the sync: "
        "`fail` ends it with 1, `warn` logs a warning and ends it with 0. Everything else is read "
        "either way.",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="Earliest `updated_at` to read; for the daily and model statistics the first "
        "day. Default: all history, for the statistics about the last 30 days.",
    ),
    th.Property(
        "api_url",
        th.StringType,
        default=DEFAULT_API_URL,
        title="API URL",
        description="Base URL of the API. A bare origin gets `/api/v1` appended; plain `http` is "
        "refused except for loopback.",
    ),
    th.Property(
        "overlap_seconds",
        _integer(0, 31_536_000),
        default=60,
        title="Overlap (seconds)",
        description="How far before its bookmark each sync reads again, because a row may become "
        "visible after its `updated_at`.",
    ),
    th.Property(
        "page_size",
        _integer(1, 500),
        default=500,
        title="Page size",
        description="Rows to ask for in one request (`limit`), at most 500. Where it is less, the "
        "requests after the first ask for a few more, because pages overlap.",
    ),
    th.Property(
        "max_connections",
        _integer(1, 16),
        default=4,
        title="Connections",
        description="Requests under way at the same time: the pages of a long walk, and the first "
        "requests of the next projects and streams.",
    ),
    th.Property(
        "include_sensitive",
        th.BooleanType,
        default=False,
        title="Personal and security data",
        description="Whether to offer what holds personal or security data at all: the streams "
        "`environment_protections`, `members` and `invitations`, and the field `environment` of "
        "`jobs`.",
    ),
    th.Property(
        "request_timeout",
        th.CustomType({"type": ["number"], "exclusiveMinimum": 0, "maximum": 86_400}),
        default=60,
        title="Request timeout (seconds)",
        description="How long to wait for a connection, and for each part of an answer.",
    ),
    th.Property(
        "max_attempts",
        _integer(1),
        default=8,
        title="Attempts",
        description="How often one request is tried before it fails. Until the API has answered "
        "for the first time, at most 4 times.",
    ),
    th.Property(
        "stats_lookback_days",
        _integer(0, 3_650),
        default=2,
        title="Statistics look-back (days)",
        description="Statistics of this many closed days are read again each sync, because late "
        "runs still change them.",
    ),
    th.Property(
        "model_stats_window_days",
        _integer(1, 3_650),
        default=7,
        title="Model statistics window (days)",
        description="Length of the date windows of `model_stats`, counted from Monday 1970-01-05.",
    ),
    th.Property(
        "user_agent",
        th.StringType,
        title="User agent",
        description="Sent as `User-Agent`. Default: `tap-dagctl/` and the version.",
    ),
).to_dict()

_PROPERTIES: dict[str, dict[str, Any]] = SCHEMA["properties"]


def includes_sensitive(config: Mapping[str, Any]) -> bool:
    """Return `include_sensitive`, which discovery needs of a configuration that is not checked."""
    return config.get("include_sensitive") is True


@dataclass(frozen=True)
class Settings:
    """The checked settings, named and typed as in `SCHEMA` except for these.

    Attributes:
        start: `start_date` in nanoseconds since the epoch, or None for all history.
        api_url: with its prefix, without a trailing slash.
        project_ids: without blanks and repeats, in the order given; empty for every project.
        exclude_project_ids: likewise; empty where all are read.
        tolerates_refused: whether a list that is refused for one project is only a warning.
    """

    api_token: str
    organization_id: str
    project_ids: tuple[str, ...]
    exclude_project_ids: tuple[str, ...]
    tolerates_refused: bool
    start: int | None
    api_url: str
    overlap_seconds: int
    page_size: int
    max_connections: int
    request_timeout: float
    max_attempts: int
    stats_lookback_days: int
    model_stats_window_days: int
    user_agent: str

    @property
    def overlap(self) -> int:
        """`overlap_seconds` in nanoseconds."""
        return self.overlap_seconds * timestamps.NANOSECONDS

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, version: str) -> Settings:
        """Return the settings of a configuration, after the checks that a JSON schema cannot make.

        Args:
            config: what fits `SCHEMA`; null means the default.
            version: the tap's version, for the default user agent.
        """
        if config.get(ACTIVATE_VERSION):
            msg = (
                f"{ACTIVATE_VERSION} is not supported, so take it out: with a target that deletes, "
                "the rows of each project that failed or that the settings leave out would go"
            )
            raise ConfigurationError(msg)
        defaults = {name: it["default"] for name, it in _PROPERTIES.items() if "default" in it}
        given = {name: value for name, value in config.items() if value is not None}
        for name in given.keys() - {"api_token"}:
            if redaction.holds(str(given[name]).encode(), str(given["api_token"]).strip()):
                msg = f"{name} holds the API token: write that into api_token alone"
                raise ConfigurationError(msg)
        values = defaults | given
        values |= {
            "api_token": _header_value("api_token", values["api_token"]),
            "organization_id": _header_value("organization_id", values["organization_id"]),
            "project_ids": _names(values.get("project_ids", ())),
            "exclude_project_ids": _names(values.get("exclude_project_ids", ())),
            "tolerates_refused": values["refused_projects"] == WARN,
            "start": _start(values.get("start_date")),
            "api_url": _api_url(values["api_url"]),
            # The SDK reads a fraction in a file as a `Decimal`, with which a clock cannot reckon.
            "request_timeout": float(values["request_timeout"]),
            "user_agent": _header_value(
                "user_agent", values.get("user_agent") or f"tap-dagctl/{version}"
            ),
        }
        return cls(**{field.name: values[field.name] for field in fields(cls)})


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
        msg = f"api_url is not a URL: {example}"
        raise ConfigurationError(msg) from None
    if url.scheme not in {"http", "https"} or not host:
        msg = f"api_url is not an http(s) URL: {example}"
        raise ConfigurationError(msg)
    if url.username or url.password or url.query or url.fragment:
        msg = f"api_url has credentials, a query or a fragment: {example}"
        raise ConfigurationError(msg)
    if url.scheme == "http" and host not in _LOOPBACK:
        msg = f"api_url sends the token unencrypted to {host}: use https (http is for loopback)"
        raise ConfigurationError(msg)
    path = url.path.rstrip("/") or _API_PREFIX
    return urlunsplit((url.scheme, url.netloc, path, "", ""))
