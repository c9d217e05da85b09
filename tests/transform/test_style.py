"""`make lint-sql` looks at every file of SQL; it has an environment of its own."""

from __future__ import annotations

import subprocess

from tests.support.project import ROOT

TRANSFORM = ROOT / "packages" / "transform"


def test_every_file_is_in_a_folder_that_is_looked_at() -> None:
    said = subprocess.run(
        ["make", "--just-print", "lint-sql"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    lints = [line.split() for line in said.splitlines() if "sqlfluff lint" in line]
    folders = [TRANSFORM / word for words in lints for word in words if (TRANSFORM / word).is_dir()]
    files = {path for folder in folders for path in folder.rglob("*.sql")}

    assert len(lints) == 2
    assert len(files) > 30
    assert files == {*TRANSFORM.rglob("*.sql")}
    assert not [*TRANSFORM.rglob(".sqlfluffignore")]
