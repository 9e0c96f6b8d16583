"""Carry out a plan on a snapshot in thought: what the machine would be after its install steps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.plan import Plan
    from envdoctor.model.snapshot import Snapshot

SOURCE = "after the plan"
PINNED = re.compile(r"(torch|torchvision|torchaudio|triton)==([^+]+)(?:\+(.+))?")


def requirements(argv: tuple[str, ...]) -> list[str]:
    """The requirements in an installer's argv."""
    return [word for word in argv if re.match(r"[a-z0-9-]+[=~]=", word)]


def after(snapshot: Snapshot, plan: Plan, matrix: Matrix, platform: str = "linux-x86_64") -> Snapshot:
    """The snapshot once every install step ran: the packages named, and the triton and libraries torch pins."""
    facts: dict[str, Fact] = {}
    for step in plan.steps:
        if step.kind == "install-wheels":
            for requirement in requirements(step.argv):
                match = PINNED.fullmatch(requirement)
                if match:
                    facts |= _installed(match[1], match[2], match[3], matrix, platform)
    return snapshot.having(facts)


def _installed(name: str, release: str, local: str | None, matrix: Matrix, platform: str) -> dict[str, Fact]:
    version = f"{release}+{local}" if local else release
    if name == "triton":
        return {"triton.version": Known(version, SOURCE)}
    if name != "torch":
        row = matrix.partner(name, release)
        assert row is not None, f"{name} {release} is not in the matrix"
        digits = (local or "").removeprefix("cu")
        cuda = f"{digits[:-1]}.{digits[-1]}" if digits.isdigit() else None
        pins: list[Value] = [f"torch{row.torch}"] if row.torch else []
        return {
            f"{name}.version": Known(version, SOURCE),
            f"{name}.cuda": Known(cuda, SOURCE) if cuda else Absent("none"),
            f"{name}.requires": Known(pins, SOURCE),
        }
    known = matrix.release(release)
    wheel = matrix.wheel(release, local or "cpu", platform)
    assert known is not None, f"torch {release} is not in the matrix"
    assert wheel is not None, f"torch {version} is no wheel for {platform}"
    requires: list[Value] = [f"triton{known.triton}"] if known.triton and wheel.cuda else []
    cuda = ".".join(wheel.cuda.split(".")[:2]) if wheel.cuda else None
    return {
        "torch.version": Known(version, SOURCE),
        "torch.dist_version": Known(version, SOURCE),
        "torch.cuda": Known(cuda, SOURCE) if cuda else Absent("none"),
        "torch.hip": Absent("none"),
        "torch.local": Known(local, SOURCE) if local else Absent("none"),
        "torch.channel": Known(local or "cpu", SOURCE),
        "torch.provenance": Known("pytorch-index", SOURCE),
        "torch.location": Known("/venv/lib/python3.11/site-packages/torch", SOURCE),
        "torch.installer": Known("pip", SOURCE),
        "torch.wheel_tags": Absent("not looked at in thought"),
        "torch.requires": Known(requires, SOURCE),
        "triton.version": Known((known.triton or "==0").lstrip("=~"), SOURCE),
        "libraries.missing": Known([], SOURCE),
    }
