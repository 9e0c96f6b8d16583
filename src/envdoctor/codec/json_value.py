"""Values on their way into JSON and out of it: what a fact may hold, checked.

Strings lose their credentials on the way out, whatever the document: a credential must not reach any
output, redacted or not.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from envdoctor.codec.credentials import strip_credentials

if TYPE_CHECKING:
    from envdoctor.model.fact import Value

MOST_LEVELS = 64
"""The deepest nesting read; facts of ours have two levels, and a bound keeps recursion harmless."""


class WrongShape(ValueError):
    """A document does not have the shape of its schema; the text says where and what, in one line."""


def document_text(document: object) -> str:
    """Return a document of ours as JSON in ASCII, indented by two.

    ASCII leaves no control character, no escape sequence and no text direction to a terminal that shows it.
    """
    import json

    # GitHub's runner obeys "##[command]" anywhere in a line (actions/runner, ActionCommand.cs, TryParse).
    # "#" occurs inside strings only, where "\u0023" is the same character.
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False).replace("##", "#\\u0023")


def to_json(value: Value) -> Value:
    """Return `value` as JSON can carry it: without credentials, and infinities and NaN as text.

    RFC 8259 section 6 has no infinities and no NaN.
    """
    if isinstance(value, str):
        return strip_credentials(value)
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {strip_credentials(key): to_json(item) for key, item in value.items()}
    return value


def from_json(value: object, where: str, levels: int = MOST_LEVELS) -> Value:
    """Return `value` if it is what a fact may hold; raise `WrongShape` naming `where` otherwise."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if isfinite(value):
            return value
        raise WrongShape(f"{where} is not a finite number")
    if levels == 0:
        raise WrongShape(f"{where} is nested too deeply")
    if isinstance(value, list):
        return [from_json(item, where, levels - 1) for item in value]
    if isinstance(value, dict):
        table: dict[str, Value] = {}
        for key, item in value.items():
            table[text(key, f"a key of {where}")] = from_json(item, where, levels - 1)
        return table
    raise WrongShape(f"{where} is {kind(value)}, which JSON does not have")


def text(value: object, where: str) -> str:
    """Return `value` if it is a string; raise `WrongShape` naming `where` otherwise."""
    if isinstance(value, str):
        return value
    raise WrongShape(f"{where} is {kind(value)} instead of text")


def kind(value: object) -> str:
    """Name the JSON type of `value` with its article, for messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    names = {"str": "text", "list": "a list", "dict": "an object"}
    return names.get(type(value).__name__, f"a {type(value).__name__}")


def quoted(value: str) -> str:
    """Return foreign text in ASCII quotes, shortened, so that it is safe inside a one-line message."""
    return ascii(value if len(value) <= 80 else value[:80] + "...")
