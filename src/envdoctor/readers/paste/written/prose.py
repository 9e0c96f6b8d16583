"""Sentences, lists and tables in which people say what they have: the weakest statements, which all others outdo.

What is read of a clause depends on how it is meant (clauses.py): what it works with, a wish, a question or what a
document demands states nothing of the machine that fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.paste import Reading
from envdoctor.readers.paste.written.clauses import clauses
from envdoctor.readers.paste.written.complaint_words import complaint_facts
from envdoctor.readers.paste.written.gpu_words import amd_facts, gpu_facts, mig_facts
from envdoctor.readers.paste.written.host_words import host_facts
from envdoctor.readers.paste.written.install_words import install_facts
from envdoctor.readers.paste.written.version_words import (
    complaints_in,
    cuda_facts,
    other_facts,
    packages_in,
    torch_facts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.model.paste import Line, Stated

FORMAT = "what is written"

_ERRORS = ("Error", "Exception", "Warning", "Traceback", "error:", "ERROR:")
_TROUBLES = ("is_available()", "False", " fail")
"""By what the place of the trouble is told: the first words of software, or else of people."""


def read(lines: Sequence[Line]) -> Reading:
    """Read what is said of GPUs, releases and systems; no line is claimed, the reader is the last."""
    found = clauses(lines)
    trouble = _first(lines, _ERRORS) or _first(lines, _TROUBLES)
    stated: list[Stated] = [
        *gpu_facts(found, FORMAT),
        *mig_facts(found, FORMAT),
        *amd_facts(found, FORMAT),
        *torch_facts(found, trouble, FORMAT),
        *cuda_facts(found, FORMAT),
        *install_facts(lines, FORMAT),
        *other_facts(found, trouble, FORMAT),
        *host_facts(found, FORMAT),
        *complaint_facts(found, FORMAT),
    ]
    return Reading(
        FORMAT, stated=_first_of_each(stated), packages=(*complaints_in(lines), *packages_in(found, trouble))
    )


def _first(lines: Sequence[Line], words: Sequence[str]) -> int | None:
    return next((line.number for line in lines if any(word in line.text for word in words)), None)


def _first_of_each(stated: Sequence[Stated]) -> tuple[Stated, ...]:
    first: dict[str, Stated] = {}
    for one in stated:
        first.setdefault(one.name, one)
    return tuple(first.values())
