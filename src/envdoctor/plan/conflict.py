"""Where nothing serves: the smallest set of constraints that no wheel meets together, and what would open one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.serving import NO_GLIBC
from envdoctor.model.plan import Conflict
from envdoctor.plan.hitting import smallest_hitting
from envdoctor.plan.relaxing import lift, openings, python_of
from envdoctor.plan.terms import DEMAND, PIN, WISH, demanded

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.serving import Need
    from envdoctor.plan.candidates import Candidate
    from envdoctor.plan.terms import Terms

WITHHELD = "withheld"

KINDS = (
    "platform", "build", "gpu-driver", "kernels", "libraries", "cudnn", "ptx", "driver", "python", "glibc", WITHHELD,
    WISH, PIN, DEMAND,
)  # fmt: skip
"""Kinds of constraint, facts of the machine first: of two sets of one size they are the better reason."""

MOST = 3
"""Ways named at most."""


def conflict_of(matrix: Matrix, need: Need, terms: Terms, found: list[Candidate]) -> Conflict | None:
    """Explain candidates of which none serves; None where there are none at all."""
    if not found:
        return None
    keys = smallest_hitting((one.constraints for one in found), _rank)
    ways = [_way(matrix, need, terms, one) for one in openings(matrix, need, found, MOST)]
    words = (_words(key, need, terms) + (_withheld(keys, found) if key == WITHHELD else "") for key in keys)
    return Conflict(tuple(words), tuple(ways))


def _withheld(keys: tuple[str, ...], found: list[Candidate]) -> str:
    """Say which releases nothing else of the conflict is against, the newest first, and why each is withheld."""
    alone = (one.release for one in reversed(found) if one.constraints.intersection(keys) == {WITHHELD})
    reasons = list(dict.fromkeys(f"{release.version}: {release.withheld}" for release in alone))
    more = [f"{len(reasons) - MOST} more"] if len(reasons) > MOST else []
    return f" ({'; '.join(reasons[:MOST] + more)})" if reasons else ""


def _way(matrix: Matrix, need: Need, terms: Terms, one: Candidate) -> str:
    """Say what to give up for a candidate, and what to do instead."""
    keys = sorted(one.constraints, key=_rank)
    given_up = " and ".join(_words(key, need, terms) for key in keys)
    instead = dict.fromkeys(filter(None, (lift(key, matrix, need, one) for key in keys)))
    return f"{given_up}: {' and '.join(instead)}, torch {one.version} fits"


def _rank(key: str) -> tuple[int, str]:
    return KINDS.index(key.partition(":")[0]), key


def _words(key: str, need: Need, terms: Terms) -> str:
    """Name a constraint as the user knows it."""
    kind, _, about = key.partition(":")
    driver = f"driver {need.driver}" if need.driver else f"a driver for CUDA {need.api}"
    if kind == "glibc":
        known = need.glibc is not None and need.glibc != NO_GLIBC
        return f"glibc {'.'.join(map(str, need.glibc or ()))}" if known else "a system without glibc"
    if kind == WISH:
        return terms.wish if about == "torch" else f"--with {about}"
    if kind == DEMAND:
        return next(demanded(one) for one in terms.demands if one.key == about)
    words = {
        "platform": need.platform,
        "build": "a build with CUDA",
        "gpu-driver": f"a GPU of compute capability {about} on {driver}",
        "kernels": f"kernels for compute capability {about}",
        "libraries": f"CUDA libraries shown to serve compute capability {about}",
        "cudnn": f"a cuDNN for compute capability {about}",
        "ptx": f"PTX for compute capability {about} that {driver} compiles",
        "driver": driver,
        "python": f"Python {python_of(need.python_tag or '')}",
        WITHHELD: "torch releases that are not withheld",
        PIN: about,
    }
    return words[kind]
