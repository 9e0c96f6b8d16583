"""Where a Jetson board gets a torch that holds kernels for it: by Jetson Linux release and compute capability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from envdoctor.matrix.rows import Row
    from envdoctor.matrix.tables import Certainty
    from envdoctor.model.machine import Capability

Place = Literal["jetson-ai-lab", "nvidia", "pytorch", "conda-forge"]
"""NVIDIA's Jetson AI Lab index, single wheels of NVIDIA's, PyTorch's wheel index, conda-forge."""

PLACES: tuple[Place, ...] = ("jetson-ai-lab", "nvidia", "pytorch", "conda-forge")


class JetsonSource(NamedTuple):
    """A board's torch. `l4t` is the major of Jetson Linux (36), which is JetPack `jetpack` and brings CUDA `cuda`.

    `channel` is the folder of an index ("jp6/cu126"), a channel of PyTorch's ("cu130") or, on conda-forge, the CUDA
    that `cuda-version` selects; None where `place` has none. `page` is where a person reads on.
    """

    l4t: int
    jetpack: str
    cuda: str
    capability: Capability
    place: Place
    channel: str | None
    page: str
    source: str
    certainty: Certainty


def read_jetson(row: Row) -> JetsonSource:
    """A row of [[jetson]]."""
    row.only(("source", "certainty", "l4t", "jetpack", "cuda", "capability", "place", "channel", "page"))
    l4t, place = row.optional_number("l4t"), row.text("place")
    if l4t is None:
        raise row.wrong("is missing", "l4t")
    known = next((one for one in PLACES if one == place), None)
    if known is None:
        raise row.wrong(f"{place!r} is none of {', '.join(PLACES)}", "place")
    return JetsonSource(
        l4t=l4t,
        jetpack=row.text("jetpack"),
        cuda=row.version("cuda"),
        capability=row.capability("capability"),
        place=known,
        channel=row.optional_text("channel"),
        page=row.text("page"),
        source=row.text("source"),
        certainty=row.certainty(),
    )
