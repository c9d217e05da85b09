"""The tables in the prose: settings, thresholds, streams, answers, what was found of loaders."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from scripts import everything, own_project, stream_sections
from scripts.everything import replication, summary
from tap_dagctl.settings import SCHEMA
from tap_dagctl.singer import about

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = ROOT / "packages" / "transform" / "models" / "answers" / "answers.yml"
DBT_PROJECT = ROOT / "packages" / "transform" / "dbt_project.yml"
ENV_EXAMPLE = ROOT / ".env.example"
FINDINGS = ROOT / "tests" / "support" / "loaders" / "findings.json"


def pages() -> Iterator[tuple[Path, str]]:
    """Yield each page that holds tables between markers, with the tables as they should be."""
    readme, answers = ROOT / "README.md", ROOT / "docs" / "answers.md"
    targets, streams = ROOT / "docs" / "targets.md", ROOT / "docs" / "streams.md"
    yield readme, _with_tables(readme, settings=_settings(), streams=_streams())
    yield (
        answers,
        _with_tables(answers, answers=_answers(), thresholds=_thresholds(), columns=_columns()),
    )
    yield targets, _with_tables(targets, findings=_findings())
    yield streams, _with_tables(streams, sections=stream_sections.lines())
    meltano = ROOT / "docs" / "meltano.md"
    yield meltano, _with_tables(meltano, project=own_project.lines())
    begin, end = "# thresholds: written by `make docs`\n", "# end of thresholds\n"
    yield ENV_EXAMPLE, with_lines(ENV_EXAMPLE.read_text(), begin, end, _threshold_variables())


def _with_tables(page: Path, **tables: Iterator[str]) -> str:
    text = page.read_text()
    for name, lines in tables.items():
        begin, end = f"<!-- {name}: written by `make docs` -->\n", f"<!-- end of {name} -->"
        text = with_lines(text, begin, end, lines)
    return text


def with_lines(text: str, begin: str, end: str, lines: Iterable[str]) -> str:
    """Return `text` with `lines` instead of what stands between `begin` and `end`."""
    before, found, rest = text.partition(begin)
    _, found_too, after = rest.partition(end)
    if not (found and found_too):
        sys.exit(f"There is no place for what `make docs` writes: {begin}{end}")
    return "".join((before, begin, *(f"{line}\n" for line in lines), end, after))


def _settings() -> Iterator[str]:
    yield "| setting | type | default | meaning |"
    yield "|---|---|---|---|"
    required = SCHEMA["required"]
    for name, schema in SCHEMA["properties"].items():
        kind = "required" if name in required else _code(schema.get("default"))
        yield f"| `{name}` | {about.type_in_words(schema)} | {kind} | {schema['description']} |"


def _code(default: object) -> str:
    return "" if default is None else f"`{about.code(default)}`"


def thresholds() -> dict[str, dict[str, Any]]:
    """Return the default and the description of each threshold, by its environment variable."""
    found = yaml.safe_load(DBT_PROJECT.read_text())["vars"]["dagctl_thresholds"]
    return {name.upper(): threshold for name, threshold in found.items()}


def _thresholds() -> Iterator[str]:
    yield "| variable | default | meaning |"
    yield "|---|---|---|"
    for name, threshold in thresholds().items():
        yield f"| `{name}` | `{threshold['default']}` | {threshold['description']} |"


def _threshold_variables() -> Iterator[str]:
    for name, threshold in thresholds().items():
        yield f"#{name}={shlex.quote(str(threshold['default']))}"


def _streams() -> Iterator[str]:
    yield "| stream | one row is | key | replication |"
    yield "|---|---|---|---|"
    for stream in everything.streams():
        keys = ", ".join(f"`{key}`" for key in stream.primary_keys)
        name = f"[`{stream.name}`](docs/streams.md#{stream.name})"
        yield f"| {name} | {summary(stream)} | {keys} | {replication(stream)} |"


def _answers() -> Iterator[str]:
    yield "| table | what it holds |"
    yield "|---|---|"
    for model in yaml.safe_load(ANSWERS.read_text())["models"]:
        yield f"| `{model['name']}` | {model['description'].strip()} |"


def _columns() -> Iterator[str]:
    for model in yaml.safe_load(ANSWERS.read_text())["models"]:
        yield f"### {model['name']}"
        yield ""
        yield "| column | meaning |"
        yield "|---|---|"
        for column in model["columns"]:
            meaning = " ".join(column["description"].split())
            yield f"| `{column['name']}` | {meaning} |"
        yield ""


def _findings() -> Iterator[str]:
    yield "| loader | settings | rows equal | what differs | cause |"
    yield "|---|---|---|---|---|"
    for name, finding in json.loads(FINDINGS.read_text()).items():
        loader = name.partition(",")[0]
        measured = finding["measured"]
        rows = f"{measured['rows_equal']:,} of {measured['rows']:,}"
        words = f"{finding['settings']} | {rows} | {finding['differs']} | {finding['whose']}"
        yield f"| `{loader}` {_version_of(loader)} | {words} |"


def _version_of(loader: str) -> str:
    """Return the version of a loader that is tried; ours is not among the others."""
    others = (ROOT / "tests" / "environments" / "pyproject.toml").read_text()
    if match := re.search(rf'"{loader}==([^"]+)"', others):
        return match[1]
    ours = (ROOT / "packages" / "target-duckdb" / "pyproject.toml").read_text()
    (version,) = re.findall('^version = "([^"]+)"', ours, re.MULTILINE)
    return str(version)
