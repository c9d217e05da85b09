"""What tests share is in `tests/support`, so that no test needs the file of another."""

from __future__ import annotations

import re

from tests.support.project import ROOT


def test_nothing_is_imported_from_the_file_of_a_test() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}: {line}"
        for file in (ROOT / "tests").rglob("*.py")
        for line in file.read_text().splitlines()
        if re.match(r"\s*(from|import) tests\b(?!\.support\b)", line)
    ]

    assert wrong == []
