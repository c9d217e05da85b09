"""What Meltano is told of the tap is what the tap says of itself."""

from __future__ import annotations

import re

import yaml

from scripts import hub
from tests.support.project import ROOT

EXTRACTOR = yaml.safe_load((ROOT / "meltano.yml").read_text())["plugins"]["extractors"][0]
KINDS = {
    "organization_id": "string",
    "project_ids": "array",
    "start_date": "date_iso8601",
    "stream_maps": "object",
    "batch_config": "object",
}


def test_meltano_yml_says_what_the_hub_would() -> None:
    definition = hub.content()
    same = {"name", "capabilities", "namespace", "label", "executable"}
    for name in {*same, "settings_group_validation"}:
        assert EXTRACTOR[name] == definition[name]


def test_the_definition_is_one_a_person_can_fill_in() -> None:
    settings = {setting["name"]: setting for setting in hub.content()["settings"]}

    assert [name for name, setting in settings.items() if setting.get("sensitive")] == ["api_token"]
    assert {name: settings[name]["kind"] for name in KINDS} == KINDS
    assert all(setting["label"] and setting["description"] for setting in settings.values())


def test_the_example_names_the_variables_that_meltano_yml_reads() -> None:
    example = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))

    assert set(re.findall(r"\$\{([A-Z_]+)\}", yaml.safe_dump(EXTRACTOR["config"]))) <= named
