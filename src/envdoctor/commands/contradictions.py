"""What else a paste states of a fact that was kept otherwise, in sentences: only where both cannot be right."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.readers.paste.assembling import Pasted

MOST = 6

WHAT = (
    (r"torch\.version", "torch"),
    (r"torch\.(?:cuda|hip)", "what torch was built for"),
    (r"python\.version", "Python"),
    (r"driver\.version(?:\.\w+)?", "the driver"),
    (r"driver\.library_version", "the driver's libraries"),
    (r"driver\.cuda_version", "the CUDA of the driver"),
    (r"gpu\.\d+\.name", "the GPU"),
    (r"gpu\.\d+\.compute_capability", "the GPU's compute capability"),
    (r"host\.(?:version|os|platform)", "the system"),
    (r"toolkit\.\w+", "the CUDA toolkit"),
    (r"env\.(\w+)", r"\1"),
)
"""Names of facts in the words of people; others stand as they are."""


def contradictions(paste: Pasted) -> tuple[str, ...]:
    """Return a sentence for each statement that speaks against what was kept, the line of it first."""
    said = []
    for one in paste.beside:
        if isinstance(one.fact, Known) and isinstance(one.fact.value, (str, int, float)):
            kept = paste.snapshot.known(one.name)
            if not _agree(kept, one.fact.value):
                said.append(f"line {one.line} ({one.fact.source}) says {_what(one.name)} is {one.fact.value}")
    return tuple(dict.fromkeys(said))[:MOST]


def _agree(kept: Value, other: Value) -> bool:
    """Whether the one says the same as the other with more or fewer words: "550.163" and "550.163.01"."""
    words = [re.findall(r"[^\W_]+", str(one).lower()) for one in (kept, other)]
    shorter, longer = sorted(words, key=len)
    return not shorter or all(word in longer for word in shorter)


def _what(name: str) -> str:
    return next(
        (re.sub(pattern, words, name) for pattern, words in WHAT if re.fullmatch(pattern, name)),
        name,
    )
