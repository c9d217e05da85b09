"""The macros as dbt would render them for a warehouse, without dbt."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment

from tests.support.project import ROOT

# Where dbt looks for what a macro says in an adapter's own way.
_SEARCHED = {"redshift": ("redshift", "postgres", "default")}


def macros(
    adapter: str = "duckdb", run_query: Callable[[str], Any] | None = None, **variables: Any
) -> Any:
    """Return every macro of the package; some ask the warehouse with a query."""
    package = SimpleNamespace()

    def dispatch(name: str, _package: str) -> Callable[..., Any]:
        searched = _SEARCHED.get(adapter, (adapter, "default"))
        found = (getattr(package, f"{prefix}__{name}", None) for prefix in searched)
        macro: Callable[..., Any] = next(filter(None, found))
        return macro

    environment = Environment(extensions=["jinja2.ext.do"])  # noqa: S701 - SQL, not HTML
    environment.globals |= {
        "modules": SimpleNamespace(datetime=dt),
        "var": variables.get,
        "adapter": SimpleNamespace(quote=lambda name: f'"{name}"', dispatch=dispatch),
        "dbt": SimpleNamespace(
            dateadd=lambda part, number, to: f"dateadd({part}, {number}, {to})",
            escape_single_quotes=lambda text: text,
        ),
        "run_query": run_query,
        "return": lambda value: value,
        "tap_dagctl": package,
    }
    for path in (ROOT / "packages" / "transform" / "macros").iterdir():
        vars(package).update(vars(environment.from_string(path.read_text()).module))
    return package
