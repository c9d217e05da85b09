"""What Meltano is told of the tap is what the tap says of itself."""

from __future__ import annotations

import re
from typing import Any

import yaml

from scripts import hub
from tests.support.project import ROOT


def extractor() -> dict[str, Any]:
    project = yaml.safe_load((ROOT / "meltano.yml").read_text())
    found: dict[str, Any] = project["plugins"]["extractors"][0]
    return found


def test_meltano_yml_says_what_the_hub_would() -> None:
    definition = hub.content()
    found = extractor()

    for name in (
        "name",
        "capabilities",
        "namespace",
        "label",
        "executable",
        "settings_group_validation",
    ):
        assert found[name] == definition[name]


def test_the_definition_is_one_a_person_can_fill_in() -> None:
    settings = {setting["name"]: setting for setting in hub.content()["settings"]}

    assert [name for name, setting in settings.items() if setting.get("sensitive")] == ["api_token"]
    assert settings["organization_id"]["kind"] == "string"
    assert settings["project_ids"]["kind"] == "array"
    assert settings["start_date"]["kind"] == "date_iso8601"
    assert settings["stream_maps"]["kind"] == "object"
    assert settings["batch_config"]["kind"] == "object"
    assert all(setting["label"] and setting["description"] for setting in settings.values())


def test_the_example_names_the_variables_that_meltano_yml_reads() -> None:
    example = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))

    assert set(re.findall(r"\$\{([A-Z_]+)\}", yaml.safe_dump(extractor()["config"]))) <= named
