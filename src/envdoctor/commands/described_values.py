"""The values that describe a machine, checked one by one: what means nothing is refused with what may be meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.commands.failure import Unusable
from envdoctor.commands.options import near_names
from envdoctor.matrix.serving import known_capabilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Capability

DRIVER = r"[0-9]{3}(?:\.[0-9]{1,4}){0,2}"
WINDOWS_DRIVER = r"(?a)\d{2}\.\d{1,2}\.(\d{1,2})\.(\d{4})"
"""As the device manager shows it: the last five digits are NVIDIA's own number, 31.0.15.3623 is 536.23."""
OLDEST_DRIVER = 100
BRANCHES_AHEAD = 150
"""Driver branches that may come after the newest known: about what three years bring."""

PYTHON = r"(?a)([23])\.(\d{1,2})(?:\.(\d{1,2}))?(t?)"
FREE_THREADED = 13
"""The minor version of Python 3 that first has a build without the GIL (PEP 703)."""
LAST_PYTHON_2 = 7
PYTHONS_AHEAD = 5
"""Minor versions of Python, one a year (PEP 602), that may come after the newest known."""

GLIBC = r"2\.([0-9]{1,2})"
NEWEST_GLIBC = 60
"""glibc comes every six months, 2.44 in August 2026 (sourceware.org/glibc/wiki/Release): this is that of 2034."""


def driver(text: str, matrix: Matrix) -> str:
    """Return a driver version. Raises `Unusable` for a number that no NVIDIA driver has."""
    plain = text.strip()
    branches = [row.branch for row in matrix.driver_branches]
    numbers = range(OLDEST_DRIVER, branches[-1] + BRANCHES_AHEAD + 1)
    if re.fullmatch(DRIVER, plain) and int(plain[:3]) in numbers:
        return plain
    shown = re.fullmatch(WINDOWS_DRIVER, plain)
    inside = re.search(rf"(?<![0-9]){DRIVER}(?![0-9])", plain[:80])
    if shown:
        digits = (shown[1] + shown[2])[-5:]
        near = [f"{digits[:3]}.{digits[3:]}"]
    elif inside and int(inside[0][:3]) in numbers:
        near = [inside[0]]
    else:
        near = near_names(plain, [str(branch) for branch in reversed(branches)])
    hint = _meant(near) if near else f"write it like 535.104.05; the newest branch known is {branches[-1]}"
    raise Unusable(f"--driver {text}: not a driver version; {hint}")


def capability(text: str, matrix: Matrix) -> str:
    """Return a compute capability that a GPU known to the matrix has, or that one which is to come may have.

    Those are above all that are known, or above those of a major of the newest generation.
    Raises `Unusable` for any other, with the nearest.
    """
    plain = text.strip()
    known = sorted(known_capabilities(matrix))
    match = re.fullmatch(r"(?a)(\d{1,2})\.(\d)", plain)
    if match:
        # Above the newest is a GPU that is to come; twice its number is none.
        asked = (int(match[1]), int(match[2]))
        newest = matrix.generations[-1].name
        growing = {one for row in matrix.generations if row.name == newest for one in row.capabilities}
        above = [one for one in known if one[0] == asked[0] and one in growing][-1:] or known[-1:]
        if asked in known or above[0] < asked < (2 * known[-1][0], 0):
            return f"{asked[0]}.{asked[1]}"
        near = _nearest(asked, known)
        raise Unusable(f"--compute-capability {text}: no NVIDIA GPU known to this matrix has it; {_meant(near)}")
    # 86, sm_86, compute_90a, 8,6: other ways to write it.
    other = re.search(r"(?a)(?<!\d)(\d{1,2})[.,]?(\d)(?!\d)", plain[:80])
    meant = (int(other[1]), int(other[2])) if other else None
    hint = _meant([f"{meant[0]}.{meant[1]}"]) if meant in known else "write it like 8.6"
    raise Unusable(
        f"--compute-capability {text}: not one; {hint} (`nvidia-smi --query-gpu=compute_cap --format=csv` tells)"
    )


def python_version(text: str, matrix: Matrix) -> tuple[str, str]:
    """Return a Python version ("3.11") and its wheel tag ("cp311"). Raises `Unusable` for one that does not exist."""
    plain = text.strip()
    newest = max(int(tag[3:].rstrip("t")) for tag in _tags(matrix))
    match = re.fullmatch(PYTHON, plain)
    if match:
        major, minor, micro, free = int(match[1]), int(match[2]), match[3], match[4]
        there = minor <= (LAST_PYTHON_2 if major == 2 else newest + PYTHONS_AHEAD)
        if there and not (free and (major, minor) < (3, FREE_THREADED)):
            version = ".".join(filter(None, (str(major), str(minor), micro)))
            return version, f"cp{major}{minor}{free}"
        if there:
            near = [f"{major}.{minor}", f"3.{FREE_THREADED}t"]
            raise Unusable(
                f"--python-version {text}: builds without the GIL begin with 3.{FREE_THREADED}; {_meant(near)}"
            )
    # 311, py3.11, cp311, 3.11.x: other ways to write it.
    inside = re.search(r"(?a)3\.?(\d{1,2})(?!\d)", plain[:80])
    if inside and 0 < int(inside[1]) <= newest + PYTHONS_AHEAD and not match:
        hint = _meant([f"3.{int(inside[1])}"])
    else:
        hint = f"write it like 3.11; the newest known is 3.{newest}"
    raise Unusable(f"--python-version {text}: no such Python; {hint}")


def _tags(matrix: Matrix) -> frozenset[str]:
    newest = matrix.release(matrix.newest_torch)
    return frozenset(tag for tags in newest.pythons.values() for tag in tags) if newest else frozenset(("cp311",))


def glibc(text: str) -> str:
    """Return a version of glibc. Raises `Unusable`."""
    plain = text.strip()
    match = re.fullmatch(GLIBC, plain)
    if match and int(match[1]) <= NEWEST_GLIBC:
        return plain
    inside = re.search(rf"(?<![0-9.]){GLIBC}(?![0-9])", plain[:80])
    near = [inside[0]] if inside and int(inside[1]) <= NEWEST_GLIBC else []
    hint = _meant(near) if near else "write it like 2.28 (`ldd --version` tells)"
    raise Unusable(f"--glibc {text}: not a version of glibc; {hint}")


def _nearest(asked: Capability, known: Sequence[Capability]) -> list[str]:
    """Return the known neighbours of a compute capability, the nearer one first."""
    near = sorted(known, key=lambda one: abs(10 * (one[0] - asked[0]) + one[1] - asked[1]))[:2]
    return [f"{major}.{minor}" for major, minor in near]


def _meant(near: Sequence[str]) -> str:
    return f"did you mean {' or '.join(near)}?"
