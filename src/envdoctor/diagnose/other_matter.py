"""Whether a paste itself shows that nothing is wrong with the environment: torch works, or another thing fails."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known
from envdoctor.model.finding import Severity
from envdoctor.rules.said.signs import flat, sign_of

if TYPE_CHECKING:
    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.snapshot import Snapshot

MOST_QUOTED = 100


def other_matter(diagnosis: Diagnosis, snapshot: Snapshot) -> str | None:
    """Say in one sentence what shows that nothing is wrong with the environment; None where nothing does."""
    if any(finding.severity > Severity.NOTE for finding in diagnosis.findings):
        return None
    for row in snapshot.known_rows("said.texts"):
        text, line = row.get("text"), row.get("line")
        if not isinstance(text, str) or not isinstance(line, int):
            continue
        sign = sign_of(text)
        if sign is not None and not sign.rules:
            found = re.search(sign.words, flat(text))
            words = found[0][:MOST_QUOTED] if found else flat(text)[:MOST_QUOTED]
            return f'What fails is no defect of the environment: "{words}" (line {line}).'
    if snapshot.known("said.cuda_available") is True and not snapshot.known_rows("said.texts"):
        source = snapshot["said.cuda_available"]
        where = f" ({source.source})" if isinstance(source, Known) else ""
        return f"torch reaches its GPU{where}, and nothing else that is told is wrong."
    return None
