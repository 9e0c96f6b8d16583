"""conda and pip both told to install torch into one environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.rules.declared.declared_rule import DeclaredRule
from envdoctor.rules.declared.worlds import worlds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Case, Flaw


def judge(case: Case, matrix: Matrix) -> Iterator[Flaw]:
    """Look for a torch of each manager in one case."""
    for world in worlds(case, matrix, ("torch",)):
        conda, pip = world.of("torch", "conda"), world.of("torch", "pip")
        if conda and pip:
            message = (
                f"conda is told to install torch ({conda[0].written.strip()}), and pip to put another over it "
                f"({pip[0].written.strip()}): conda does not learn of it, and what conda built for its own torch does "
                "not load. Leave torch and its partners to one of the two, conda or pip."
            )
            yield RULE.flaw("torch", message, pip[0].place)
            return


RULE = DeclaredRule(judge, explains=("torch-torchvision-mismatch", "torch-torchaudio-mismatch"))
