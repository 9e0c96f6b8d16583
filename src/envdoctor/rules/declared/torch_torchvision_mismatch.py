"""torchvision for another torch than the one that is declared beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.rules.declared.declared_rule import DeclaredRule
from envdoctor.rules.declared.partner_pairs import misfits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Case, Flaw


def judge(case: Case, matrix: Matrix) -> Iterator[Flaw]:
    """Look for a torch and a torchvision that are demanded together and that no pair of releases meets."""
    yield from misfits(RULE, "torchvision", case, matrix)


RULE = DeclaredRule(judge)
