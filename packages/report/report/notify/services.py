"""What the services behind apprise take, and how a message is put to each of them."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import requests
from apprise import Apprise, NotifyFormat
from apprise.common import OverflowMode
from apprise.conversion import convert_between
from apprise.plugins import NotifyBase
from apprise.plugins.jira import JIRA_API_LOOKUP
from apprise.plugins.opsgenie import OPSGENIE_API_LOOKUP

from report.notify.message import SUCCESS, Message

# Parameters of an address by which these services know an incident again. That of PagerDuty, ilert,
# incident.io, Squadcast, GoAlert, FireHydrant, PagerTree, SIGNL4 and OpsiMate; of Splunk On-Call;
# and of Opsgenie and Jira, which are closed below.
_INCIDENT_NAMES = ("dedup", "entity_id", "alias")
_ALERT_URLS = {"Opsgenie": OPSGENIE_API_LOOKUP, "Jira": JIRA_API_LOOKUP}
# What apprise takes for services of plain text, and they show as Markdown.
_SHOW_MARKDOWN = {"Discord", "Fluxer", "Guilded", "Mattermost", "Nextcloud Talk", "Ryver"}
_MARKDOWN = re.compile(r"[\\`*_~|\[\]#>]|(?<=^- )[+-]|(?<=^- )\d+(?=[.)])", re.MULTILINE)
# Zulip knows no backslash: only other characters, that look alike, are no markup.
_LIKE_MARKDOWN = str.maketrans("*`~$", "\u2217\u02cb\u223c\uff04")


class Service:
    """One address, as apprise understands it.

    Attributes:
        name: what the service is called.
        keeps_incidents: whether it opens something for each message, and can be told its end.
    """

    def __init__(self, url: str, page: str) -> None:
        """Take an address, and the URL of the page that messages link to.

        Raises:
            ValueError: apprise makes nothing of it.
        """
        self._url, self._page = url, page
        # What only one service has cannot be seen in its type.
        self._plugin: Any = _plugin(url)
        self.name = str(self._plugin.service_name)
        arguments = self._plugin.template_args
        self._incident_name = next(
            (it for it in _INCIDENT_NAMES if {it, "action"} <= arguments.keys()), ""
        )
        self.keeps_incidents = bool(self._incident_name)
        self._own_fields = dict(getattr(self._plugin, "payload_extras", {}))

    def fits(self, title: str, body: str) -> bool:
        """Say whether it takes this at once: apprise would divide or cut it otherwise."""
        text, form = self._text(body)
        target = self._plugin.resolve_format(form)
        text = self._plugin.dialect_convert(_converted(text, form, target), target)
        # In bytes, as some count; and with a title, which some have above the text.
        size = len(text.encode()) + len(title.encode()) + len("<b></b><br />\r\n")
        most_lines = self._plugin.body_max_line_count or size
        return bool(size <= self._plugin.body_maxlen and text.count("\n") + 2 <= most_lines)

    def send(self, message: Message) -> bool:
        """Send a message, and return whether it was taken."""
        plugin = self._plugin
        if message.incident:
            if self.name in _ALERT_URLS and message.severity == SUCCESS:
                return self._close(message)
            # Otherwise it maps what is sent to what it does by itself: success ends an incident.
            action = "new" if self.name in _ALERT_URLS else "map"
            said = urlencode({self._incident_name: message.incident, "action": action})
            plugin = _plugin(f"{self._url}{'&' if '?' in self._url else '?'}{said}")
        elif self.name == "JSON":
            plugin.payload_extras = {
                "severity": message.severity,
                "findings": message.fields,
                **self._own_fields,
            }
        text, form = self._text(message.body)
        apprise = Apprise()
        apprise.add(plugin)
        return bool(
            apprise.notify(
                body=text, title=message.title, body_format=form, notify_type=message.severity
            )
        )

    def _close(self, message: Message) -> bool:
        """Close an alert by its alias: apprise does so only by ids that it does not keep."""
        plugin = self._plugin
        url = _ALERT_URLS[self.name][plugin.region_name]
        answer = requests.post(
            f"{url}/{quote(message.incident)}/close?identifierType=alias",
            json={"note": message.body, "source": "dagctl"},
            headers={"Authorization": f"GenieKey {plugin.apikey}"},
            timeout=plugin.request_timeout,
            verify=plugin.verify_certificate,
        )
        # Accepted, or nobody knows it any more.
        return answer.ok or answer.status_code == HTTPStatus.NOT_FOUND

    def _text(self, body: str) -> tuple[str, NotifyFormat]:
        """Return a text that is shown as it is, with the link, and what apprise calls its form."""
        if self._plugin.resolve_format(NotifyFormat.TEXT) is NotifyFormat.MARKDOWN:
            text = _converted(body, NotifyFormat.TEXT, NotifyFormat.MARKDOWN)
            link = f"\n\n[All of it]({self._page})" if self._page else ""
            return text + link, NotifyFormat.MARKDOWN
        if self.name == "Zulip":
            body = body.translate(_LIKE_MARKDOWN)
        elif self.name in _SHOW_MARKDOWN:
            body = _MARKDOWN.sub(_escaped, body)
        link = f"\n\nAll of it: {self._page}" if self._page else ""
        return body + link, NotifyFormat.TEXT


def _plugin(url: str) -> NotifyBase:
    plugin = Apprise.instantiate(url)
    if plugin is None:
        raise ValueError
    if plugin.overflow_mode is OverflowMode.UPSTREAM:
        # One line alone may be too long for it, and would be refused every time.
        plugin.overflow_mode = OverflowMode.SPLIT
    return plugin


def _converted(text: str, form: NotifyFormat, target: NotifyFormat) -> str:
    return str(convert_between(form, target, content=text))  # type: ignore[no-untyped-call]


def _escaped(found: re.Match[str]) -> str:
    return f"{found[0]}\\" if found[0].isdigit() else f"\\{found[0]}"
