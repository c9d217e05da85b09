"""Keeps secrets out of what the tap says and sends: its token, and credentials of a file store."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import chain
from urllib.parse import quote, urlsplit

MASK = "***"
# So many letters of a secret in a row are masked: a message may have been cut within one.
_PIECE_LENGTH = 8

# As dagctl makes them: one that was pasted into the wrong setting is in no secret one.
_ANY_TOKEN = re.compile(r"dctl_[\w-]{16,}", re.ASCII | re.IGNORECASE)
_SECRET_NAME = re.compile("key|secret|token|pass|cred|sas|sig", re.IGNORECASE)

# What is masked, by the length of its pieces. All secrets share a pattern: if each had its own, one
# could split what another looks for, and letters would stay.
_pieces: dict[int, set[str]] = {}
_patterns: dict[int, re.Pattern[str]] = {}


def remember(config: Mapping[str, object]) -> None:
    """Mask the secrets of a configuration from now on, whatever else is wrong with it."""
    batch = config.get("batch_config")
    storage = batch.get("storage") if isinstance(batch, dict) else batch
    params = storage.get("params") if isinstance(storage, dict) else storage
    # What should be an object and is none may hold a secret anywhere.
    named = _named_secrets(params) if isinstance(params, dict) else _texts(params)
    secrets = [*_texts(config.get("api_token")), *named]
    if isinstance(storage, dict):
        for root in _texts(storage.get("root")):
            secrets += credentials_of(root)
    for spelling in chain.from_iterable(map(_spellings_of, secrets)):
        length = min(_PIECE_LENGTH, len(spelling))
        if length >= _PIECE_LENGTH // 2:
            places = range(len(spelling) - length + 1)
            _pieces.setdefault(length, set()).update(spelling[at : at + length] for at in places)
    for length, pieces in _pieces.items():
        # A stretch in which every letter belongs to a piece.
        found = f"(?:(?={'|'.join(map(re.escape, pieces))}).)+.{{{length - 1}}}"
        _patterns[length] = re.compile(found, re.IGNORECASE | re.DOTALL)


def redact(text: str) -> str:
    """Return `text` with every secret, and every longer piece of one, masked."""
    text = _ANY_TOKEN.sub(MASK, text)
    for length in sorted(_patterns, reverse=True):
        text = _patterns[length].sub(MASK, text)
    return text


def holds(content: bytes, secret: str) -> bool:
    """Return whether `content` holds `secret`, as it is or as URLs, JSON and HTML write it."""
    # A word that is shorter may stand anywhere.
    return len(secret) >= _PIECE_LENGTH and any(it in content for it in _encoded_spellings(secret))


def holds_escaped(content: bytes, secret: str) -> bool:
    """Return whether JSON holds `secret`, with letters escaped that need not be."""
    # Most answers escape nothing. To look for one letter is many times as fast as to look for two.
    if b"\\" in content:
        content = _escapes_of(secret).sub(
            lambda escape: bytes([int(escape[1], 16)]) if escape[1] else escape[2], content
        )
    return holds(content, secret)


@lru_cache
def _escapes_of(secret: str) -> re.Pattern[bytes]:
    """Match what JSON may write for a letter of `secret`, and for no other: those are many."""
    codes = "|".join(sorted({f"{ord(letter):02x}" for letter in secret}))
    signs = "".join(re.escape(sign) for sign in '/"\\' if sign in secret) or "/"
    return re.compile(rf"\\(?:u00({codes})|([{signs}]))".encode(), re.IGNORECASE)


def _spellings_of(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], html.escape(secret)}


@lru_cache
def _encoded_spellings(secret: str) -> frozenset[bytes]:
    return frozenset(spelling.encode() for spelling in _spellings_of(secret))


def _texts(value: object) -> Iterator[str]:
    """Yield the texts within any value: a token may have been written as a list by mistake."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif value is not None:
        yield str(value).strip()


def credentials_of(url: str) -> list[str]:
    try:
        found = urlsplit(url)
    except ValueError:
        return []
    user, _, password = found.netloc.rpartition("@")[0].partition(":")
    return [part for part in (user, password) if part]


def _named_secrets(params: object) -> Iterator[str]:
    if isinstance(params, dict):
        for name, value in params.items():
            yield from _texts(value) if _SECRET_NAME.search(name) else _named_secrets(value)
