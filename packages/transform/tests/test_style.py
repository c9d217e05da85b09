"""`make lint` looks at every file of SQL; it has an environment of its own."""

from __future__ import annotations

from tests.support.project import ROOT

TRANSFORM = ROOT / "packages" / "transform"


def test_every_file_is_in_a_folder_that_is_looked_at() -> None:
    script = (ROOT / "tools" / "lint-sql.sh").read_text()
    lints = [line.split() for line in script.splitlines() if 'sqlfluff" lint' in line]
    folders = [TRANSFORM / word for words in lints for word in words if (TRANSFORM / word).is_dir()]
    files = {path for folder in folders for path in folder.rglob("*.sql")}

    assert len(lints) == 2
    assert len(files) > 30
    assert files == {*TRANSFORM.rglob("*.sql")}
    assert not [*TRANSFORM.rglob(".sqlfluffignore")]
