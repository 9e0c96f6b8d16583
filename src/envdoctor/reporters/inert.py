"""Words of others for documents whose readers may take them for a link: shown as they are, and nothing of them acts."""

from __future__ import annotations

from json import dumps
from math import isfinite
from typing import TYPE_CHECKING

from envdoctor.reporters.lines import SENTENCE
from envdoctor.reporters.plain_text import LONGEST, safe

if TYPE_CHECKING:
    from envdoctor.model.fact import Value


def inert(text: str, limit: int | None = SENTENCE) -> str:
    """Return `text` as one line that is no workflow command and holds no link, shortened to `limit` characters.

    Plain messages of SARIF may hold `[text](target)` (SARIF 2.1.0, 3.11.6), and reports of tests end up in Markdown.
    """
    return safe(text, limit).replace("](", "]\\x28")


def inert_value(value: Value, limit: int = LONGEST) -> bool | int | float | str | None:
    """Return the value of a fact as JSON holds it: what is no plain one as a line of JSON, NaN as a word."""
    if isinstance(value, (list, dict)):
        value = dumps(value)
    elif isinstance(value, float) and not isfinite(value):
        value = str(value)
    return inert(value, limit) if isinstance(value, str) else value
