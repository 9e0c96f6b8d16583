"""Container images with torch in them: PyTorch's own, by release and CUDA, and NVIDIA's (NGC), by month."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from envdoctor.matrix.versions import minor

if TYPE_CHECKING:
    from envdoctor.matrix.rows import Row
    from envdoctor.matrix.tables import Certainty

Kind = Literal["runtime", "devel"]
"""`devel` also holds the compilers and headers of CUDA."""

KINDS: tuple[Kind, ...] = ("runtime", "devel")

_ORIGIN = ("source", "certainty")


class Image(NamedTuple):
    """An image of PyTorch for linux-x86_64: `cuda` is a minor ("12.6"), `tag` all that `docker pull` takes.

    What the tags of an x86-64 image hold on Arm is not known here.
    """

    tag: str
    torch: str
    cuda: str
    cudnn_major: int
    kind: Kind
    source: str
    certainty: Certainty

    @property
    def channel(self) -> str:
        """The channel of the wheel in it: "cu126"."""
        return "cu{}{}".format(*minor(self.cuda))


class NgcImage(NamedTuple):
    """An image of NVIDIA's. `torch` is a state between releases ("2.10.0a0+b4e4ee81d3"), of no channel.

    `driver_branch` is the lowest that its release note asks for, None where none was read.
    """

    tag: str
    torch: str
    cuda: str
    driver_branch: int | None
    source: str
    certainty: Certainty


def read_images(row: Row) -> tuple[Image, ...]:
    """The table [images], oldest release first; a release may have a source of its own."""
    row.only((*_ORIGIN, "pattern", "complete_from", "releases"))
    pattern = row.text("pattern")
    if any(f"{{{name}}}" not in pattern for name in ("torch", "cuda", "cudnn", "kind")):
        raise row.wrong("must hold {torch}, {cuda}, {cudnn} and {kind}", "pattern")
    found = []
    for torch, cells in row.row("releases").rows():
        cells.only((*_ORIGIN, "cuda", "cudnn"))
        origin = cells if "source" in cells.cells else row
        cudnn = cells.version("cudnn")
        source, certainty = origin.text("source"), origin.certainty()
        for cuda in cells.versions("cuda"):
            for kind in KINDS:
                tag = _filled(pattern, {"torch": torch, "cuda": cuda, "cudnn": cudnn, "kind": kind})
                found.append(Image(tag, torch, cuda, int(cudnn.partition(".")[0]), kind, source, certainty))
    return tuple(found)


def _filled(pattern: str, words: dict[str, str]) -> str:
    """Put the words in; not `str.format`, which would run what else a file of the user writes in braces."""
    for name, word in words.items():
        pattern = pattern.replace(f"{{{name}}}", word)
    return pattern


def read_ngc(tag: str, row: Row) -> NgcImage:
    """A row of [ngc_images]."""
    row.only((*_ORIGIN, "torch", "cuda", "driver_branch"))
    branch = row.optional_number("driver_branch")
    return NgcImage(tag, row.text("torch"), row.version("cuda"), branch, row.text("source"), row.certainty())
