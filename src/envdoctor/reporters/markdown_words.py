"""Words of others in Markdown: they are shown as they are, and nothing of them acts."""

from __future__ import annotations

import re

# GitHub Flavored Markdown 0.29, sections 4.10, 6.1, 6.5 and 6.9. An underscore inside a word means nothing there.
_ACTING = re.compile(r"[\\`*|\[\]~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=\])\(")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}
# GitHub looks for mentions in what was rendered, where an entity is a letter again: an invisible one stands between, as
# Renovate and Dependabot have it (renovatebot/renovate 1083, dependabot/dependabot-core 3157).
_MENTION = re.compile(r"&#64;(?=\w)")


def inline(words: str) -> str:
    """Return words that Markdown shows as they are: no link, no mention, no HTML, no end of a cell."""
    plain = "".join(_ENTITIES.get(letter, letter) for letter in words)
    plain = _MENTION.sub("&#64;&#8203;", plain)
    plain = _ACTING.sub(lambda found: f"\\{found[0]}", plain)
    return plain.replace("://", "&#58;//").replace("www.", "www&#46;")  # links by their look alone


def paragraph(words: str) -> str:
    """Return words that are a paragraph of their own: no heading, list or quotation begins with them."""
    return re.sub(r"^(\s*)([#+=-]|\d+(?=[.)]))", r"\1&#8203;\2", inline(words))
