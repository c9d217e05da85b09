"""What services get: an incident each, messages they have room for, and names that stay text.

Each service is apprise's own, and speaks to a server on loopback instead of its own.
"""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING

import pytest
from apprise.plugins.jira import JIRA_API_LOOKUP
from apprise.plugins.opsgenie import OPSGENIE_API_LOOKUP
from apprise.plugins.pagerduty import PAGERDUTY_API_LOOKUP

from report.notify.message import messages
from report.notify.news import Finding, News
from report.notify.services import Service
from report.notify.settings import ADDRESSES, KINDS_TOLD, MUTED, OWNERS, PAGE
from tests.support.findings import MENDED, SECTIONS
from tests.support.receivers import SECRET, web_server
from tests.support.reports import notify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.receivers import Receiver, Requests
    from tests.support.warehouses import Warehouse

PAGE_URL = "https://pages.example/dagctl_report.html?a=b"
NAME = '*b* _i_ `c` [a](https://b.example) <at user_id="all"></at> @all ~s~ #h'


@pytest.fixture(autouse=True)
def _import_quietly() -> None:
    """Let apprise warn of what Python will no longer have, as `sending` does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Service("json://localhost", "")


@pytest.fixture
def web() -> Iterator[Requests]:
    with web_server() as requests:
        yield requests


def test_pagerduty_has_one_incident_a_finding_which_its_end_resolves(
    duckdb_answers: Warehouse, web: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PAGERDUTY_API_LOOKUP, "us", web.url)
    told = {ADDRESSES: f"pagerduty://{SECRET}@{SECRET}", PAGE: PAGE_URL}
    web.refuses = {"nightly"}
    assert notify(duckdb_answers, **told).returncode == 1
    assert len(web.take()) == len(SECTIONS)
    # Only what was refused comes again.
    web.refuses = set()
    assert notify(duckdb_answers, **told).returncode == 0
    (again,) = web.take()
    assert (again["event_action"], again["payload"]["severity"]) == ("trigger", "critical")
    assert again["payload"]["summary"] == (
        "Jobs broken: nightly (sales)\r\n2 runs in a row did not succeed, since 3 Mar 2026, "
        f"02:00 UTC (failed)\n\nAll of it: {PAGE_URL}"
    )

    duckdb_answers.execute(MENDED[0])
    duckdb_answers.execute(MENDED[1])
    for expected in (1, 0):
        assert notify(duckdb_answers, **told).returncode == 0
        assert [(it["event_action"], it["dedup_key"]) for it in web.take()] == [
            ("resolve", again["dedup_key"])
        ] * expected
    # It breaks again, and so does its incident.
    duckdb_answers.execute(
        "insert into dagctl_answers.broken_jobs "
        "select 'p', 'sales', 'nightly', 1, timestamp '2026-03-05', 'error', 'worse'"
    )
    assert notify(duckdb_answers, **told).returncode == 0
    assert [(it["event_action"], it["dedup_key"]) for it in web.take()] == [
        ("trigger", again["dedup_key"])
    ]


@pytest.mark.parametrize("service", ["opsgenie", "jira"])
def test_alerts_are_closed_by_their_alias(
    duckdb_answers: Warehouse, web: Requests, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    urls = {"opsgenie": OPSGENIE_API_LOOKUP, "jira": JIRA_API_LOOKUP}[service]
    monkeypatch.setitem(urls, "us", web.url)
    told = {ADDRESSES: f"{service}://{SECRET}", KINDS_TOLD: "broken"}
    assert notify(duckdb_answers, **told).returncode == 0
    (opened,) = web.take()
    assert opened["message"] == "Jobs broken: nightly (sales)"

    duckdb_answers.execute(MENDED[0])
    duckdb_answers.execute(MENDED[1])
    web.is_down = True
    assert notify(duckdb_answers, **told).returncode == 1
    web.is_down = False
    web.take()
    for expected in (1, 0):
        assert notify(duckdb_answers, **told).returncode == 0
        closed = [(it["path"], it["note"]) for it in web.take()]
        path = f"/{opened['alias']}/close?identifierType=alias"
        assert closed == [(path, "mended")] * expected
    assert web.authorization == f"GenieKey {SECRET}"


@pytest.mark.parametrize(
    "url",
    [
        "splunk://route@{0}",
        "ilert://{0}",
        "incidentio://{0}/{0}",
        "squadcast://{0}",
        "goalert://localhost/11111111-1111-1111-1111-111111111111",
        "firehydrant://{0}",
        "signl4://{0}",
        "pagertree://int_aaaaaaaaaa",
        "opsimate://{0}@localhost",
    ],
)
def test_other_services_that_keep_incidents_are_known_as_such(url: str) -> None:
    assert Service(url.format("a1" * 18), "").keeps_incidents


def test_a_message_in_parts_of_which_one_is_refused(
    duckdb_answers: Warehouse, web: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    duckdb_answers.execute(
        "insert into dagctl_answers.model_regressions "
        "select 'p', 'sales', repeat('orders ', 15) || cast(number as varchar), "
        "date '2026-02-23', date '2026-03-01', 50, 15, 10, true "
        "from generate_series(10, 29) as models(number)"
    )
    monkeypatch.setattr("apprise.plugins.discord.NotifyDiscord.notify_url", web.url, raising=False)
    told = {ADDRESSES: f"discord://{'1' * 18}/{SECRET * 4}"}
    monkeypatch.setattr("apprise.plugins.discord.NotifyDiscord.body_maxlen", 700)
    web.refuses = {"(2 of "}
    assert notify(duckdb_answers, **told).returncode == 1
    sent = [it["content"] for it in web.take()]
    assert len(sent) > 3
    assert all(len(text.encode()) <= 700 for text in sent)

    web.refuses = set()
    assert notify(duckdb_answers, **told).returncode == 0
    again = [it["content"] for it in web.take()]
    lines = [line for text in again for line in text.split("\n") if line.startswith("- ")]
    assert lines == [line for line in sent[1].split("\n") if line.startswith("- ")]
    assert notify(duckdb_answers, **told).stdout.startswith("notify: nothing new")
    assert web.take() == []


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
        (
            f"feishu://{'a' * 32}",
            "feishu.NotifyFeishu",
            "*b* _i_ `c` [a]\u2060(https:\u2060//b.example) <\u2060at user_id=",
        ),
        (
            f"lark://{'a' * 32}",
            "lark.NotifyLark",
            "*b* _i_ `c` [a]\u2060(https:\u2060//b.example) <\u2060at user_id=",
        ),
    ],
)
def test_a_name_is_text(
    web: Requests, monkeypatch: pytest.MonkeyPatch, url: str, plugin: str, shown: str
) -> None:
    monkeypatch.setattr(f"apprise.plugins.{plugin}.notify_url", f"{web.url}/", raising=False)
    (message,) = messages(News([Finding(("broken", "1"), NAME, "failed")]))
    assert Service(url, PAGE_URL).send(message)
    (sent,) = web.take()
    text = sent["content"] if isinstance(sent["content"], str) else sent["content"]["text"]
    assert f"- {shown}" in text
    assert "@\u2060all" in text
    # The link is none of what other people may write, and works.
    assert PAGE_URL in text


def test_a_webhook_learns_what_kind_and_how_bad(duckdb_answers: Warehouse, web: Requests) -> None:
    told = {
        ADDRESSES: f"{web.url.replace('http', 'json')}/?:team=data",
        KINDS_TOLD: "broken,breaches",
    }
    assert notify(duckdb_answers, **told).returncode == 0
    (sent,) = web.take()
    assert (sent["type"], sent["severity"], sent["team"]) == ("failure", "failure", "data")
    broken, breach = sent["findings"]
    assert (broken["kind"], broken["severity"], broken["is_over"]) == ("broken", "failure", False)
    assert (breach["kind"], breach["severity"]) == ("breaches", "warning")
    assert broken["name"] == "nightly (sales)"

    duckdb_answers.execute(MENDED[0])
    duckdb_answers.execute(MENDED[1])
    assert notify(duckdb_answers, **told).returncode == 0
    (sent,) = web.take()
    assert (sent["type"], sent["severity"]) == ("success", "success")
    assert [(it["id"], it["ending"]) for it in sent["findings"]] == [(broken["id"], "mended")]


def test_who_is_told_of_what(duckdb_answers: Warehouse, hook: Receiver, web: Requests) -> None:
    owner = {
        ADDRESSES: hook.address,
        OWNERS: json.dumps({"sales/nightly": web.url.replace("http", "json")}),
    }
    done = notify(duckdb_answers, "--kinds", "broken,overdue", **owner)
    assert "sent to address 1 of sales/nightly (JSON)" in done.stdout
    (message,) = hook.take()
    assert list(message.sections) == ["Runs that take too long"]
    assert [it["kind"] for it in web.take()[0]["findings"]] == ["broken"]

    # What is muted is not told, and is when the silence ends.
    muted = {**owner, MUTED: '{"p": "2999-01-01", "elsewhere": "2999-01-01"}'}
    done = notify(duckdb_answers, **muted)
    assert done.stderr == "notify: 'elsewhere' in the settings is no project that was loaded\n"
    assert notify(duckdb_answers, "--fail-on", "broken", **muted).returncode == 0
    assert hook.take() == []
    assert web.take() == []
    for statement in MENDED[:4]:
        duckdb_answers.execute(statement)
    notify(duckdb_answers, **muted)
    assert [list(message.sections) for message in hook.take()] == [["Over"]]
    assert len(web.take()) == 1
    notify(duckdb_answers, "--mute", "sales/stock=2000-01-01T00:00:00Z", **owner)
    assert [len(message.sections) for message in hook.take()] == [4]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (KINDS_TOLD, "broken,slow"),
        (OWNERS, f"sales={SECRET}"),
        (OWNERS, f'{{"sales": ["{SECRET}"]}}'),
        (OWNERS, f'{{"sales": "nonsense://{SECRET}"}}'),
        (MUTED, "sales"),
        (MUTED, '{"sales": "tomorrow"}'),
        (PAGE, "file:///report.html"),
        (PAGE, "https://example.com/a b"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line(
    duckdb_answers: Warehouse, hook: Receiver, variable: str, value: str
) -> None:
    done = notify(duckdb_answers, **{ADDRESSES: hook.address, variable: value})
    assert done.returncode == 1
    assert variable in done.stderr
    assert SECRET not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert hook.take() == []
