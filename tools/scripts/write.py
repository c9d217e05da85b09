"""`make docs`: writes what is generated from the tap itself.

With `--check` it writes nothing, and fails where a file differs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from scripts import dbt_staging, hub, snapshot, tables

ROOT = Path(__file__).resolve().parents[2]
HUB = ROOT / "tools" / "meltanohub" / "tap-dagctl.yml"
MELTANO = ROOT / "meltano.yml"
STAGING = ROOT / "packages" / "transform" / "models" / "staging"
SNAPSHOT = ROOT / "tests" / "catalog.json"


def files() -> Iterator[tuple[Path, str]]:
    """Yield every generated file as it should be."""
    yield from tables.pages()
    yield HUB, hub.definition()
    yield MELTANO, hub.meltano_yml(MELTANO.read_text())
    yield STAGING / "staging.yml", dbt_staging.description()
    for name, text in dbt_staging.models():
        if not (STAGING / name).exists():
            yield STAGING / name, text
    yield SNAPSHOT, snapshot.catalog()


def main() -> None:
    """Write the files, or check them."""
    differing = []
    for path, text in files():
        if path.exists() and path.read_text() == text:
            continue
        differing.append(str(path.relative_to(ROOT)))
        if "--check" not in sys.argv:
            path.write_text(text)
    if differing and "--check" in sys.argv:
        sys.exit(f"{', '.join(differing)}: differ from the tap; run `make docs`")


if __name__ == "__main__":
    main()
