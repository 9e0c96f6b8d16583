"""What tests of plans share: a machine after a plan, and the requirements in a command."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.plan.predict import predicted

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.plan import Plan
    from envdoctor.model.snapshot import Snapshot


def requirements(argv: tuple[str, ...]) -> list[str]:
    """The requirements in an installer's argv."""
    return [word for word in argv if re.match(r"[a-z0-9-]+[=~]=", word)]


def after(snapshot: Snapshot, plan: Plan, matrix: Matrix, platform: str = "linux-x86_64") -> Snapshot:
    """The snapshot once every step was carried out; the platform is the snapshot's own."""
    return predicted(snapshot, plan, matrix)
