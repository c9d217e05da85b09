"""Settings under a name that the loader does not have: most often, it is misspelt."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

_PREFIX = "TARGET_DUCKDB_"
_PLUGIN = "MELTANO_LOADER_NAME"


def unknown_settings(
    config: Mapping[str, Any], environ: Mapping[str, str], known: Collection[str]
) -> Iterator[str]:
    """Yield a warning for each key of `config`, and each variable, that is no setting.

    Of Meltano's own variables there is none: those inside an object, extras such as `_DIALECT`, and
    those of other plugins whose names begin with the loader's.
    """
    prefixes = [_PREFIX]
    if plugin := environ.get(_PLUGIN):
        prefixes.insert(0, plugin.replace("-", "_").upper() + "_")
    objects = [name for name, value in config.items() if isinstance(value, dict)]
    written = {name: name for name in config}
    for variable in filter(environ.get, environ):
        for prefix in prefixes:
            if variable.startswith(prefix):
                name = variable[len(prefix) :].lower()
                inside = any(name.startswith(f"{it}_") for it in objects)
                others = any(name.endswith(f"_{it}") for it in known)
                if not (plugin and ("__" in f"_{name}" or inside or others)):
                    written.setdefault(name, variable)
                break
    for name in written.keys() - set(known):
        advice = "".join(f": did you mean {it}?" for it in get_close_matches(name, known, n=1))
        yield f"{written[name]} is no setting of this target and is ignored{advice}"
