"""The report as one JSON document, `envdoctor.diagnosis/1`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envdoctor.codec import diagnosis

if TYPE_CHECKING:
    from envdoctor.model.report import Report


def render(report: Report, **_layout: object) -> str:
    """Return the document in ASCII, indented by two, with a line break at its end.

    ASCII leaves no control character, no escape sequence and no text direction to a terminal that shows it.
    """
    text = json.dumps(diagnosis.encode(report), indent=2, ensure_ascii=True, allow_nan=False)
    # GitHub's runner obeys "##[command]" anywhere in a line (actions/runner, ActionCommand.cs, TryParse).
    # "#" occurs inside strings only, where "\u0023" is the same character.
    return text.replace("##", "#\\u0023") + "\n"
