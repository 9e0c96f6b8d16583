"""Names that the pinned release of a library no longer has, or warns of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.versions import older
from envdoctor.rules.declared.api_names import GONE, Gone
from envdoctor.rules.declared.bounds import read
from envdoctor.rules.declared.declared_rule import DeclaredRule, FileExample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Case, Flaw, Use


def judge(case: Case, matrix: Matrix) -> Iterator[Flaw]:  # noqa: ARG001 - every rule is asked alike
    """Compare each name with what is known to be gone from the release that is pinned beside it."""
    for use in case.uses:
        bounds = read(use.pin.specifier or "")
        release = bounds.exact if bounds else None
        gone = _gone(use, release) if release else None
        if gone:
            yield RULE.flaw(gone.library, _told(use, gone, f"{gone.library} {release}"), use.place)


def _gone(use: Use, release: str) -> Gone | None:
    for one in GONE:
        if one.library != use.pin.name or older(release, one.since) or not one.name.fullmatch(use.name):
            continue
        if not one.keyword or one.keyword in use.keywords:
            return one
    return None


def _told(use: Use, gone: Gone, pinned: str) -> str:
    what = f"The argument {gone.keyword} of {use.name}" if gone.keyword else use.name
    if gone.deprecated:
        return (
            f"{what} is deprecated in {pinned}: it warns, and {gone.library} {gone.seen} still has it. Take "
            f"{gone.instead}. Source: {gone.source}."
        )
    return f"{what} is not in {pinned}: it is gone since {gone.since}. Take {gone.instead}. Source: {gone.source}."


RULE = DeclaredRule(
    judge,
    fires=(
        FileExample(
            "the launcher that torch 2.x has replaced, in the script beside its pin",
            "train.sh",
            "pip install torch==2.8.0\npython -m torch.distributed.launch --nproc_per_node=4 train.py\n",
        ),
    ),
    quiet=(
        FileExample(
            "the launcher in its place",
            "train.sh",
            "pip install torch==2.8.0\ntorchrun --nproc_per_node=4 train.py\n",
        ),
        FileExample(
            "no release is pinned beside the name",
            "train.sh",
            "pip install torch\npython -m torch.distributed.launch --nproc_per_node=4 train.py\n",
        ),
    ),
)
