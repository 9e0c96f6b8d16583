"""The words of Dockerfile instructions: variables filled in as BuildKit does, assignments, exec forms."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_VARIABLE = re.compile(r"\\(.)|\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w{0,80})(?:(:?[-+])([^{}]{0,200}))?\}|(\{))")
_MOST = 4000
"""Characters of a value: more is no version and no address, and values that hold one another twice grow fast."""

_ASSIGNED = re.compile(r"([A-Za-z_][\w.-]{0,120})=(.*)", re.DOTALL)


def filled(words: str, variables: Mapping[str, str]) -> str | None:
    """Return the words with variables filled in (`$X`, `${X}`, `${X:-default}`), None where one is not known."""
    if "$" not in words and "\\" not in words:
        return words
    if len(words) > _MOST:
        return None
    known = True

    def value_of(match: re.Match[str]) -> str:
        nonlocal known
        if match[1]:
            return match[1]
        name, sign, other = match[2] or match[3], match[4], match[5]
        if not name:
            known = False
            return ""
        value = variables.get(name)
        if sign and sign.endswith("+"):
            return (other or "") if value else ""
        if value is None or (not value and sign == ":-"):
            if sign is None or "$" in (other or ""):
                known = False
            return other or ""
        return value

    text = _VARIABLE.sub(value_of, words)
    return text if known and len(text) <= _MOST else None


def assignments(words: str) -> Iterator[tuple[str, str]]:
    """Yield what an ARG or ENV assigns, by name and text with its variables; nothing for a name without value."""
    try:
        pieces = shlex.split(words, posix=True)
    except ValueError:
        pieces = words.split()
    if pieces and "=" not in pieces[0]:
        name, _, value = words.strip().partition(" ")
        if value.strip():
            yield name, value.strip()  # the old form: ENV NAME value
        return
    for piece in pieces:
        match = _ASSIGNED.fullmatch(piece)
        if match:
            yield match[1], match[2]


def exec_form(words: str) -> tuple[str, ...] | None:
    """Return the words of a command in exec form (a JSON list of strings), None for a shell form."""
    if not words.startswith("["):
        return None
    try:
        found = json.loads(words)
    except (ValueError, RecursionError):
        return None
    return tuple(found) if isinstance(found, list) and all(isinstance(one, str) for one in found) else None
