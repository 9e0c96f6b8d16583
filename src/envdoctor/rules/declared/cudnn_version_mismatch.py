"""A text names a cuDNN of another major release than the one that torch comes with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.place import Amendment
from envdoctor.rules.declared.declared_rule import DeclaredRule
from envdoctor.rules.declared.releases import wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Case, Flaw

# A minor release is not judged: the wheels, the images and the system of one torch differ in it.


def judge(case: Case, matrix: Matrix) -> Iterator[Flaw]:
    """Compare the major release of each cuDNN that is named with those of the wheels."""
    torch = wanted(matrix, case.of("torch")) if case.cudnns else None
    if torch is None or torch.newer or not torch.bounds.text:
        return
    wheels = [wheel for version in torch.releases for wheel in matrix.wheels(version) if wheel.cuda is not None]
    there = {wheel.cudnn.partition(".")[0] for wheel in wheels if wheel.cudnn}
    for said in case.cudnns:
        found = re.match(r"(\d{1,2})(?:\.|$)", said.version, re.ASCII)
        if said.toolkit or found is None or len(there) != 1 or found[1] in there:
            continue
        (right,) = there
        message = f"torch {torch.releases[-1]} comes with cuDNN {right}, and cuDNN {said.version} is named beside it."
        old = said.version if said.version in said.written else None
        yield RULE.flaw("cudnn", message, said.place, *([Amendment(said.place, old, right)] if old else []))


RULE = DeclaredRule(judge)
