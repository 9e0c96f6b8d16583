"""What the device code in compiled objects serves: architectures, each with the share of the modules that hold it.

A module is what one CUDA source became. Most architectures were compiled for in every source, others in the few that
use what is special to them: libtorch_cuda of 2.14.1+cu130 holds 7.5 to 12.0 in all of its 475 modules, 10.3f in 59 and
8.9 in one. What a few modules hold lets no GPU work.

Sources: NVIDIA CUDA Programming Guide, "Binary Compatibility", "PTX Compatibility" and the tables of architecture- and
family-specific targets; the NVIDIA blog post on family-specific features of CUDA 12.9.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from envdoctor.matrix.fit import cubin_runs_on
from envdoctor.model.machine import Undecidable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envdoctor.model.fact import Value
    from envdoctor.model.machine import Capability

Kind: TypeAlias = Literal["sass", "ptx", "some"]
"""How code serves a GPU: by machine code, by PTX that the driver compiles, or in some modules and not in others."""

MOST, FEW = 2 / 3, 1 / 3
"""Of the share of the best-covered architecture: from `MOST` on code counts as made for a GPU, below `FEW` as not.

Measured on wheels for Linux (libtorch_cuda*.so without its part for torch.linalg): what torch was compiled for has all
of it from 2.0.1 on, and 0.78 and more in 1.13.1, where 3.5, which came along with linked libraries, has 0.18. Between
the two stand wheels with cuDNN in them: in 1.10.2+cu102 3.7, which torch was compiled for, has 0.46, and 3.5, which it
was not, has 0.51. There another source must say it.
"""

MOST_LISTED = 16


class Architecture(NamedTuple):
    """What code was compiled for: ((9, 0), "a") is 90a.

    `special` is "a" for the features of that one GPU architecture, "f" for those of its family, else "".
    """

    capability: Capability
    special: str = ""

    def runs_on(self, capability: Capability) -> bool:
        """Whether machine code of it runs on a GPU; a family is what later minors of the same major belong to."""
        return self.capability == capability if self.special == "a" else cubin_runs_on(self.capability, capability)

    def compiles_for(self, capability: Capability) -> bool:
        """Whether a driver that knows PTX of it can compile that for a GPU."""
        return self.runs_on(capability) if self.special else self.capability <= capability

    @property
    def key(self) -> str:
        """As cuobjdump and nvcc write it, without a prefix: "75", "90a", "103f"."""
        return f"{self.capability[0]}{self.capability[1]}{self.special}"


class DeviceCode(NamedTuple):
    """Machine code and PTX by architecture, each with the share (above 0, at most 1) of the modules that hold it."""

    sass: Mapping[Architecture, float]
    ptx: Mapping[Architecture, float]

    @property
    def best(self) -> float:
        """The share of the best-covered architecture, 0 where there is no code."""
        return max((*self.sass.values(), *self.ptx.values()), default=0.0)

    def shares_for(self, capability: Capability, *, jit: bool = True) -> list[float]:
        """Return the shares of what serves a GPU, under a driver that compiles its PTX or (`jit`) does not."""
        sass = [share for one, share in self.sass.items() if one.runs_on(capability)]
        return sass + [share for one, share in self.ptx.items() if jit and one.compiles_for(capability)]

    def kind_for(self, capability: Capability, *, jit: bool = True) -> Kind | None:
        """Say how the code serves a GPU; None where no more than a few modules do.

        Architectures may lie in the same modules or in different ones: the share of two together is at least that of
        the better one and at most their sum.
        """
        shares = self.shares_for(capability, jit=jit)
        if not shares or sum(shares) < FEW * self.best:
            return None
        if max(shares) < MOST * self.best:
            return "some"
        return "sass" if max(self.shares_for(capability, jit=False), default=0.0) >= MOST * self.best else "ptx"

    def made_for(self, stated: DeviceCode | None = None) -> DeviceCode:
        """Return what was compiled for throughout, without what only some modules hold.

        What stands between the two thresholds counts where the list that the build states of itself names it.
        """
        most, few = MOST * self.best, FEW * self.best
        named = stated or NOTHING
        return DeviceCode(
            {one: share for one, share in self.sass.items() if share >= (few if one in named.sass else most)},
            {one: share for one, share in self.ptx.items() if share >= (few if one in named.ptx else most)},
        )

    @property
    def is_special(self) -> bool:
        """Whether all of it is for certain GPU architectures alone, beside which generic code is to be expected."""
        return all(one.special for one in (*self.sass, *self.ptx))

    @property
    def listed(self) -> str:
        """The architectures as torch and nvcc list them: "sm_75 sm_90a compute_120"."""
        names = [f"sm_{one.key}" for one in sorted(self.sass)] + [f"compute_{one.key}" for one in sorted(self.ptx)]
        more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
        return " ".join(names[:MOST_LISTED]) + more


NOTHING = DeviceCode({}, {})


def throughout(sass: Iterable[Capability], ptx: Iterable[Capability]) -> DeviceCode:
    """Return code that every module holds: the lists of a matrix row."""
    return DeviceCode({Architecture(one): 1.0 for one in sass}, {Architecture(one): 1.0 for one in ptx})


def read_code(row: Mapping[str, Value], fact: str) -> DeviceCode:
    """Read the cells `sass` and `ptx` of a row of `fact`: {"90a": 0.0084}.

    Raises `Undecidable` for anything else in them.
    """
    return DeviceCode(_shares(row.get("sass"), fact), _shares(row.get("ptx"), fact))


def _shares(cell: Value, fact: str) -> dict[Architecture, float]:
    if not isinstance(cell, dict):
        raise Undecidable(f"{fact} holds no table of architectures in this snapshot", fact)
    found: dict[Architecture, float] = {}
    for key, share in cell.items():
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise Undecidable(f"{fact} holds a share that is none in this snapshot: {share!r:.60}", fact)
        if share:
            found[_architecture(key, fact)] = share
    return found


def read_flags(cell: Value, fact: str) -> DeviceCode | None:
    """Read the list of targets a build states of itself, ["sm_75", "compute_120"]; None where it states none.

    Raises `Undecidable` for anything else.
    """
    if cell is None:
        return None
    if not isinstance(cell, list):
        raise Undecidable(f"{fact} holds no list of targets in this snapshot", fact)
    shares: dict[str, dict[Architecture, float]] = {"sm": {}, "compute": {}}
    for target in cell:
        kind, _, key = target.partition("_") if isinstance(target, str) else ("", "", "")
        if kind not in shares:
            raise Undecidable(f"{fact} holds a target that is none in this snapshot: {target!r:.60}", fact)
        shares[kind][_architecture(key, fact)] = 1.0
    code = DeviceCode(shares["sm"], shares["compute"])
    return code if code.best else None


def _architecture(key: str, fact: str) -> Architecture:
    match = re.fullmatch(r"([1-9][0-9]?)([0-9])([af]?)", key)
    if match is None:
        raise Undecidable(f"{fact} holds an architecture that is none in this snapshot: {key!r:.60}", fact)
    return Architecture((int(match[1]), int(match[2])), match[3])
