"""Warnings about names that nothing reads: most often, they are misspelt."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatch
from typing import Any

from tap_dagctl.errors import one_line


def unknown_settings(
    config: Mapping[str, Any], environ: Mapping[str, str], prefix: str, known: Collection[str]
) -> Iterator[str]:
    """Yield a warning, which shows no value, for each key and variable that is no setting."""
    prefixes = [prefix]
    if plugin := environ.get("MELTANO_EXTRACTOR_NAME"):
        # One that inherits from the tap has variables under its own name, too.
        prefixes.insert(0, plugin.replace("-", "_").upper() + "_")
    found = {name: (name, "") for name in config}
    for variable in filter(environ.get, environ):
        start = next(filter(variable.startswith, prefixes), None)
        if start:
            name = variable.removeprefix(start).lower()
            if not (plugin and _is_of_meltano(name, config, known)):
                found.setdefault(name, (variable, start))
    for name, (written, start) in found.items():
        if name not in known:
            nearest = _nearest(name, known)
            nearest = f"{start}{nearest.upper()}" if nearest and start else nearest
            advice = f"did you mean {nearest}?" if nearest else "remove it"
            yield f"{one_line(written)} is no setting of this tap and is ignored: {advice}"


def _is_of_meltano(name: str, config: Mapping[str, Any], known: Collection[str]) -> bool:
    """Return whether Meltano sets the variable of `name` by itself.

    These are: what begins with `_`, such as `_SELECT`; what is inside an object; the settings of
    other plugins whose names begin with the tap's.
    """
    return (
        "__" in f"_{name}"
        or any(name.startswith(f"{it}_") for it, value in config.items() if isinstance(value, dict))
        or any(name.endswith(f"_{it}") for it in known)
    )


def unknown_streams(stream_maps: object, streams: Collection[str]) -> Iterator[str]:
    """Yield a warning for each map that applies to none of `streams`."""
    for name, stream_map in stream_maps.items() if isinstance(stream_maps, dict) else ():
        source = name
        if isinstance(stream_map, dict):
            source = str(stream_map.get("__source__", name))
        if name != "__else__" and not any(fnmatch(it, source) for it in streams):
            nearest = _nearest(source, streams)
            advice = f"did you mean {nearest}?" if nearest else f"there are {', '.join(streams)}"
            yield f"stream_maps: no stream is called {one_line(source)}: {advice}"


def _nearest(name: str, names: Collection[str]) -> str | None:
    return next(iter(get_close_matches(name, names, n=1)), None)
