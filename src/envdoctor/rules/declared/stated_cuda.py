"""What a text or a conda package says of the CUDA of torch, beside the builds there are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.matrix.versions import minor, parts
from envdoctor.model.place import Amendment
from envdoctor.rules.declared.releases import (
    all_cuda_channels,
    and_,
    channel_of,
    cuda_channels,
    cuda_of,
    known,
    nearest_channel,
)

if TYPE_CHECKING:
    from envdoctor.matrix.conda import ChannelEnd
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Statement
    from envdoctor.rules.declared.bounds import Demand

CONDA_PACKAGE = "pytorch-cuda"
"""The package of PyTorch's own conda channel that selects a CUDA; partners there pin their torch as the wheels do."""

FIRST_WITH_PACKAGE = "1.13"
"""The first torch whose conda builds are selected by `pytorch-cuda`; before it by `cudatoolkit`.

Source: pytorch.org, "Previous PyTorch Versions".
"""


TOOLKIT = "cudatoolkit"
LAST_TOOLKIT = "11.8"
"""The newest CUDA of the conda package `cudatoolkit`, in any channel.

Source: conda-forge/cuda-feedstock, recipe/README.md: since CUDA 12 the packages have other names.
"""


class Contradiction(NamedTuple):
    """A statement that no release bears out, in words, and what to write in its place."""

    message: str
    said: Statement
    amendments: tuple[Amendment, ...]


def contradiction(
    said: Statement, torch: Demand | None, matrix: Matrix, *, solved: bool = False
) -> Contradiction | None:
    """Compare a statement with the releases of torch beside it; None where it is right, or not about torch's build.

    `solved` where the torch is known to be there, by a lock or from pip.
    """
    if said.toolkit or not re.fullmatch(r"\d{1,2}(\.\d{1,2}){0,2}", said.version, re.ASCII):
        return None
    if CONDA_PACKAGE in said.written:
        return _of_conda(said, torch.releases if torch else (), matrix, solved=solved)
    if said.written.partition("::")[2].startswith(TOOLKIT) or said.written.startswith(TOOLKIT):
        return _of_toolkit(said, torch.releases if torch else (), matrix)
    if said.manager is not None or torch is None or torch.newer:
        return None  # `cudatoolkit` and the like come with builds of several channels
    return _of_wheels(said, torch.releases, matrix)


def _of_wheels(said: Statement, releases: tuple[str, ...], matrix: Matrix) -> Contradiction | None:
    cudas = [cuda_of(channel) for version in releases for channel in cuda_channels(matrix, version)]
    newest = max(minor(cuda_of(one)) for one in all_cuda_channels(matrix))
    if not cudas or any(_meant(said.version, one) for one in cudas) or minor(said.version) > newest:
        return None
    release = releases[-1]
    right = nearest_channel(matrix, release, channel_of(said.version))
    there = cuda_channels(matrix, release)
    message = (
        f"torch {release} was not published for CUDA {said.version}: its builds are for CUDA "
        f"{and_([cuda_of(one) for one in there])} ({and_(there)})."
    )
    return Contradiction(message, said, _restated(said, right))


def _meant(stated: str, cuda: str) -> bool:
    """Whether a CUDA is the one stated; "12" is any of that major."""
    return minor(stated) == minor(cuda) if "." in stated else minor(stated)[0] == minor(cuda)[0]


def _of_conda(said: Statement, releases: tuple[str, ...], matrix: Matrix, *, solved: bool) -> Contradiction | None:
    """A `pytorch-cuda` that the channel `pytorch` never had, or not for that release."""
    end = matrix.conda_channel_end
    if end is None:
        return None
    had = [one for one in known(matrix, "torch") if parts(FIRST_WITH_PACKAGE) <= parts(one) <= parts(end.last)]
    own = [one for one in releases if one in had]
    meant = own if releases and len(own) == len(releases) else had
    cudas = {cuda_of(channel) for version in meant for channel in cuda_channels(matrix, version)}
    if not cudas:
        return None
    if any(_meant(said.version, one) for one in cudas):
        late = bool(releases) and not solved and all(parts(end.last) < parts(one) for one in releases)
        return _after_the_end(said, releases[-1], end, matrix) if late else None
    right = nearest_channel(matrix, meant[-1], channel_of(said.version))
    of_release = f" {meant[-1]}" if meant is own else ""
    message = (
        f"The conda channel {end.channel} has no torch{of_release} for {CONDA_PACKAGE}={said.version}: there is "
        f"{CONDA_PACKAGE} {and_(sorted(cudas, key=minor))}, and the channel ended with torch {end.last}."
    )
    return Contradiction(message, said, _restated(said, right))


def _after_the_end(said: Statement, release: str, end: ChannelEnd, matrix: Matrix) -> Contradiction | None:
    """A torch that came after the channel whose builds are selected."""
    right = nearest_channel(matrix, release, channel_of(said.version))
    if right is None:
        return None
    message = (
        f"{CONDA_PACKAGE} selects builds of the conda channel {end.channel}, which ended with torch {end.last}: there "
        f"is no torch {release}. Install it with pip from https://download.pytorch.org/whl/{right}."
    )
    return Contradiction(message, said, ())


def _of_toolkit(said: Statement, releases: tuple[str, ...], matrix: Matrix) -> Contradiction | None:
    """A `cudatoolkit` of a CUDA that came after that package."""
    end = matrix.conda_channel_end
    if not releases or end is None or minor(said.version) <= minor(LAST_TOOLKIT):
        return None
    own = [one for one in releases if parts(FIRST_WITH_PACKAGE) <= parts(one) <= parts(end.last)]
    right = nearest_channel(matrix, own[-1], channel_of(said.version)) if own else None
    instead = f"{CONDA_PACKAGE}={cuda_of(right)} from the channels {end.channel} and nvidia" if right else None
    message = (
        f"No conda channel has {TOOLKIT} {said.version}: that package ended with CUDA {LAST_TOOLKIT}. "
        f"Take {instead or 'cuda-version with the pytorch of conda-forge, or the wheels of pip'}."
    )
    if right is None:
        return Contradiction(message, said, ())
    other = Amendment(said.place, said.written, f"{CONDA_PACKAGE}={cuda_of(right)}", safe=False)
    return Contradiction(message, said, (other,))


def _restated(said: Statement, right: str | None) -> tuple[Amendment, ...]:
    if right is None or said.version not in said.written:
        return ()
    return (Amendment(said.place, said.version, cuda_of(right)),)
