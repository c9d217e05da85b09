"""What services get: an incident each, messages they have room for, and names that stay text.

Each service is apprise's own, and speaks to a server on loopback instead of its own.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from apprise.plugins.jira import JIRA_API_LOOKUP
from apprise.plugins.opsgenie import OPSGENIE_API_LOOKUP
from apprise.plugins.pagerduty import PAGERDUTY_API_LOOKUP

from packages.report.tests.support.findings import MENDED, SECTIONS, tell
from report.notify.message import messages
from report.notify.news import Finding, News
from report.notify.services import Service
from report.notify.settings import ADDRESSES, KINDS_TOLD, MUTED, OWNERS, PAGE
from tests.support.receivers import SECRET, Receiver
from tests.support.reports import notify
from tests.support.warehouses import Warehouse

PAGE_URL = "https://pages.example/dagctl_report.html?a=b"
NAME = '*b* _i_ `c` [a](https://b.example) <at user_id="all"></at> @all ~s~ #h'
PLAIN = "*b* _i_ `c` [a]\u2060(https:\u2060//b.example) <\u2060at user_id="


def taken(hook: Receiver) -> list[dict[str, Any]]:
    return [it.fields for it in hook.take()]


def test_pagerduty_has_one_incident_a_finding_which_its_end_resolves(
    answers: Warehouse, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PAGERDUTY_API_LOOKUP, "us", hook.url)
    told: dict[str, Any] = {ADDRESSES: f"pagerduty://{SECRET}@{SECRET}", PAGE: PAGE_URL}
    hook.refuses = "nightly"
    tell(answers, code=1, **told)
    assert len(hook.take()) == len(SECTIONS) - 1
    # Only what was refused comes again.
    hook.refuses = "\0"
    tell(answers, **told)
    (again,) = taken(hook)
    assert (again["event_action"], again["payload"]["severity"]) == ("trigger", "critical")
    assert again["payload"]["summary"] == (
        "Jobs broken: nightly (sales)\r\n2 runs in a row did not succeed, since 3 Mar 2026, "
        f"02:00 UTC (failed)\n\nAll of it: {PAGE_URL}"
    )

    answers.execute("; ".join(MENDED[:2]))
    for expected in (1, 0):
        tell(answers, **told)
        assert [(it["event_action"], it["dedup_key"]) for it in taken(hook)] == [
            ("resolve", again["dedup_key"])
        ] * expected


@pytest.mark.parametrize("service", ["opsgenie", "jira"])
def test_alerts_are_closed_by_their_alias(
    answers: Warehouse, hook: Receiver, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    for urls in (OPSGENIE_API_LOOKUP, JIRA_API_LOOKUP):
        monkeypatch.setitem(urls, "us", hook.url)
    told: dict[str, Any] = {ADDRESSES: f"{service}://{SECRET}", KINDS_TOLD: "broken"}
    tell(answers, **told)
    (opened,) = taken(hook)
    assert opened["message"] == "Jobs broken: nightly (sales)"

    answers.execute("; ".join(MENDED[:2]))
    hook.is_down = True
    tell(answers, code=1, **told)
    hook.is_down = False
    hook.take()
    path = f"/{opened['alias']}/close?identifierType=alias"
    for closings in ([(path, "mended", f"GenieKey {SECRET}")], []):
        tell(answers, **told)
        closed = [(it["path"], it["note"], it["authorization"]) for it in taken(hook)]
        assert closed == closings


@pytest.mark.parametrize("url", ["splunk://a@{0}", "incidentio://{0}/{0}", "opsimate://{0}@a"])
def test_other_services_that_keep_incidents_are_known_as_such(url: str) -> None:
    assert Service(url.format("a1" * 18), "").keeps_incidents


def test_what_a_service_takes_at_once_is_counted_in_bytes_and_lines() -> None:
    service = Service(f"discord://{'1' * 18}/{'a' * 64}", "")
    assert service.fits("title", "x" * 1_900)
    assert not service.fits("title", "雪" * 1_900)
    # Some show no more than a few lines.
    few = Service("kodi://localhost", "")
    assert few.fits("title", "one")
    assert not few.fits("title", "one\ntwo")


def test_a_line_alone_that_is_too_long_is_sent_in_parts(
    hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be refused, and sent again, for ever."""
    discord = "apprise.plugins.discord.NotifyDiscord"
    monkeypatch.setattr(f"{discord}.notify_url", hook.url, raising=False)
    monkeypatch.setattr(f"{discord}.body_maxlen", 100)
    (message,) = messages(News([Finding(("broken", "1"), "x" * 140, "failed")]))
    assert Service(f"discord://{'1' * 18}/{'a' * 64}", "").send(message)
    sent = [it.body for it in hook.take()]
    assert max(map(len, sent)) <= 100
    assert "".join(sent).count("x") == 140


@pytest.mark.parametrize(
    ("url", "plugin", "shown"),
    [
        (
            f"discord://{'1' * 18}/{'a' * 64}",
            "discord.NotifyDiscord",
            "\\*b\\* \\_i\\_ \\`c\\` \\[a\\]\u2060(https:\u2060//b.example) <\u2060at user\\_id=",
        ),
        (
            f"zulip://bot@org/{'a' * 32}/stream",
            "zulip.NotifyZulip",
            "\u2217b\u2217 _i_ \u02cbc\u02cb [a]\u2060(https:\u2060//b.example) <\u2060at user_id=",
        ),
        (f"feishu://{'a' * 32}", "feishu.NotifyFeishu", PLAIN),
        # It refuses a message with HTML of its own, so that it would be sent for ever.
        (
            f"tgram://123456789:{'a' * 35}/12345",
            "telegram.NotifyTelegram",
            PLAIN.replace("<", "&lt;"),
        ),
    ],
)
def test_a_name_is_text(
    hook: Receiver, monkeypatch: pytest.MonkeyPatch, url: str, plugin: str, shown: str
) -> None:
    monkeypatch.setattr(f"apprise.plugins.{plugin}.notify_url", f"{hook.url}/", raising=False)
    (message,) = messages(News([Finding(("broken", "1"), NAME, "failed")]))
    assert Service(url, PAGE_URL).send(message)
    (sent,) = hook.take()
    assert f"- {shown}" in sent.body
    assert "@\u2060all" in sent.body
    # The link is none of what other people may write, and works.
    assert PAGE_URL in sent.body


def test_a_webhook_learns_what_kind_and_how_bad(answers: Warehouse, hook: Receiver) -> None:
    told: dict[str, Any] = {ADDRESSES: f"{hook.address}/?:team=data", KINDS_TOLD: "broken,breaches"}
    tell(answers, **told)
    (sent,) = taken(hook)
    assert (sent["type"], sent["severity"], sent["team"]) == ("failure", "failure", "data")
    broken, breach = sent["findings"]
    assert (broken["kind"], broken["severity"], broken["is_over"]) == ("broken", "failure", False)
    assert (breach["kind"], breach["severity"]) == ("breaches", "warning")
    assert broken["name"] == "nightly (sales)"

    answers.execute("; ".join(MENDED[:2]))
    tell(answers, **told)
    (sent,) = taken(hook)
    assert (sent["type"], sent["severity"]) == ("success", "success")
    assert [(it["id"], it["ending"]) for it in sent["findings"]] == [(broken["id"], "mended")]
    tell(answers, **{**told, KINDS_TOLD: "overdue"})
    (sent,) = taken(hook)
    assert (sent["type"], sent["severity"]) == ("warning", "warning")


def test_who_is_told_of_what(answers: Warehouse, hook: Receiver, mail: Receiver) -> None:
    owner: dict[str, Any] = {
        ADDRESSES: mail.address,
        OWNERS: json.dumps({"sales/nightly": hook.address}),
    }
    done = notify(answers, "--kinds", "broken,overdue", **owner)
    assert "sent to address 1 of sales/nightly (JSON)" in done.stdout
    (message,) = mail.take()
    assert list(message.sections) == ["Runs that take too long"]
    assert [it["kind"] for it in taken(hook)[0]["findings"]] == ["broken"]

    # What is muted is not told, and is when the silence ends.
    muted: dict[str, Any] = {**owner, MUTED: '{"p": "2999-01-01", "elsewhere": "2999-01-01"}'}
    done = notify(answers, **muted)
    assert done.stderr == "notify: 'elsewhere' in the settings is no project that was loaded\n"
    notify(answers, "--fail-on", "broken", **muted)
    assert mail.take() == hook.take() == []
    answers.execute("; ".join(MENDED[:4]))
    notify(answers, **muted)
    assert [list(message.sections) for message in mail.take()] == [["Over"]]
    assert len(hook.take()) == 1
    notify(answers, "--mute", "sales/stock=2000-01-01T00:00:00Z", **owner)
    assert [len(message.sections) for message in mail.take()] == [4]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (ADDRESSES, f"json://127.0.0.1:1 nonsense://{SECRET}"),
        (ADDRESSES, SECRET),
        (KINDS_TOLD, "broken,slow"),
        (OWNERS, f"sales={SECRET}"),
        (OWNERS, f'{{"sales": "nonsense://{SECRET}"}}'),
        (OWNERS, f'{{"sales": ["{SECRET}"]}}'),
        (MUTED, "sales"),
        (MUTED, '["sales"]'),
        (MUTED, '{"sales": "tomorrow"}'),
        (PAGE, "https://example.com/a b"),
        (PAGE, "file:///report.html"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line(
    answers: Warehouse, hook: Receiver, variable: str, value: str
) -> None:
    said = tell(answers, hook, code=1, **{variable: value})
    assert variable in said
    assert len(said.splitlines()) == 1
    assert hook.take() == []
