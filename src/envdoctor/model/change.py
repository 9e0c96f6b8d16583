"""What a step changes about a machine, in no tool's words: what a plan can be carried out from in thought."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Into(Enum):
    """Where packages go: the environment as it is, a new one of the same Python, or a container image."""

    PRESENT = "present"
    NEW = "new"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Installs:
    """Packages in these versions, and what they require.

    `requirements` are requirement lines, the torch set exact and with its local version ("torch==2.14.0+cu126",
    "numpy<2"), whatever the installer calls them. `channel` is that of the index they come from, None for the package
    index: some builds carry no local version. Those of "conda-forge" carry none either, and `cuda` is theirs ("12.9");
    partners, which conda chooses, are named without a version there. `again` where files are written anew that a record
    of the same version names already; `compiled` where they are built here, against the torch that is there then.
    """

    requirements: tuple[str, ...]
    into: Into = Into.PRESENT
    channel: str | None = None
    cuda: str | None = None
    again: bool = False
    compiled: bool = False


@dataclass(frozen=True, slots=True)
class Removes:
    """Distributions that are uninstalled, by normalised name."""

    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShowsGpus:
    """CUDA_VISIBLE_DEVICES set to `value`, None for unset; `visible` are the indexes of the GPUs seen then."""

    value: str | None
    visible: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SetsSearchPath:
    """A list of folders or files in the environment, with `dropped` taken out of it.

    `variable` is LD_LIBRARY_PATH, LD_PRELOAD or PYTHONPATH, `value` what it is set to, None for unset. `settled` where
    nothing that stays in it can bring what was dropped.
    """

    variable: str
    value: str | None
    dropped: tuple[str, ...]
    settled: bool


@dataclass(frozen=True, slots=True)
class ChangesDriver:
    """Another NVIDIA driver, loaded: `version` in full ("580.65.06") or its branch alone ("470")."""

    version: str


Change: TypeAlias = Installs | Removes | ShowsGpus | SetsSearchPath | ChangesDriver
