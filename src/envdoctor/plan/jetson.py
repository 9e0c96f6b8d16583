"""What a Jetson board takes: which torch is built for it, by JetPack release and compute capability."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.versions import minor
from envdoctor.model.plan import Applicability, Plan, Status, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.jetson import JetsonSource
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.serving import Need
    from envdoctor.model.machine import Machine
    from envdoctor.plan.candidates import Candidate

PLACES = {
    "jetson-ai-lab": "NVIDIA's Jetson AI Lab index",
    "nvidia": "a wheel of NVIDIA's",
    "pytorch": "PyTorch's wheel index",
    "conda-forge": "conda-forge",
}
CHANNELS = {"jetson-ai-lab": "folder", "pytorch": "channel", "conda-forge": "cuda-version"}
"""What a channel is called there."""

UNKNOWN = (
    "take torch from NVIDIA's builds for Jetson, as a wheel or a container of the JetPack release on this board "
    "(`cat /etc/nv_tegra_release` tells it): where one for this board and release lies is not known to this matrix"
)


def by_hand(machine: Machine, matrix: Matrix, need: Need) -> Iterator[Plan]:
    """Yield the way out where no wheel of PyTorch's serves the board, as far as it is known who builds one for it."""
    rows = _rows(machine, matrix, need)
    told = "; ".join(f"{_release(row)}: {_place(row)}, see {row.page}" for row in rows)
    why = f"take the torch that is built for this board. {told}" if rows else UNKNOWN
    because = dict.fromkeys(_source(row, matrix) for row in rows)
    yield Plan(Status.SOLVED, None, (Step("install-wheels", Applicability.MANUAL, why),), because=tuple(because))


def vouched(machine: Machine, matrix: Matrix, need: Need) -> Iterator[str]:
    """Yield who says that the wheels of PyTorch's serve the board."""
    for row in _rows(machine, matrix, need):
        if row.place == "pytorch":
            yield f"{_release(row)} takes the wheels of {_place(row)}: {_source(row, matrix)}"


def vouched_for(machine: Machine, matrix: Matrix, need: Need, found: list[Candidate]) -> list[Candidate]:
    """Return the candidates of the channels that somebody vouches for, where the CUDA of the JetPack is not known.

    All of them where it is, and where none of those serves.
    """
    channels = {row.channel for row in _rows(machine, matrix, need) if row.place == "pytorch"}
    of_channels = [one for one in found if one.wheel.channel in channels]
    return of_channels if need.api is None and any(not one.obstacles for one in of_channels) else found


def _rows(machine: Machine, matrix: Matrix, need: Need) -> list[JetsonSource]:
    """Return the rows of the board: by its Jetson Linux, else by the CUDA of its driver, which JetPack brings."""
    release = machine.told("host.l4t")
    known = [row for row in matrix.jetson_sources if row.capability in need.capabilities]
    if release is not None:
        return [row for row in known if release.partition(".")[0] == str(row.l4t)]
    return [row for row in known if need.api is None or minor(row.cuda) == minor(need.api)]


def _release(row: JetsonSource) -> str:
    return f"JetPack {row.jetpack} (Jetson Linux {row.l4t})"


def _place(row: JetsonSource) -> str:
    channel = f", {CHANNELS[row.place]} {row.channel}" if row.channel and row.place in CHANNELS else ""
    return PLACES[row.place] + channel


def _source(row: JetsonSource, matrix: Matrix) -> str:
    source = matrix.source(row.source)
    return f"{source.text} ({source.date})"
