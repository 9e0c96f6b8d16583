"""What a board is sold for: dense operations a second by number type, and the bandwidth of its memory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.matrix.rows import Row
    from envdoctor.matrix.tables import Certainty

NUMBER_TYPES = ("fp32", "tf32", "fp16", "bf16", "fp8", "int8")


class Peak(NamedTuple):
    """The figures of one board.

    `gpu` is its name among [[gpus]], `names` what NVML calls this board and no other. `tflops` are 10^12 operations a
    second without sparsity, summed in float32 (int8: in int32), by number type; a type the board lacks is not there.
    `memory` is in 10^9 bytes a second.
    """

    gpu: str
    names: tuple[str, ...]
    tflops: Mapping[str, float]
    memory: int
    source: str
    certainty: Certainty


def read_peak(row: Row) -> Peak:
    """A row of [[peaks]]."""
    row.only(("source", "certainty", "gpu", "names", "tflops", "memory_gb_per_s"))
    tflops = row.row("tflops")
    tflops.only(NUMBER_TYPES)
    memory = row.optional_number("memory_gb_per_s")
    if memory is None:
        raise row.wrong("is missing", "memory_gb_per_s")
    return Peak(
        gpu=row.text("gpu"),
        names=row.texts("names"),
        tflops={kind: tflops.decimal(kind) for kind in NUMBER_TYPES if kind in tflops.cells},
        memory=memory,
        source=row.text("source"),
        certainty=row.certainty(),
    )


def plain(name: str) -> str:
    """Return a name as boards are compared by: drivers before 470 leave out the maker, some write hyphens for blanks.

    Every other word counts. Memory and socket, which `gpu_names` passes over, tell a slow board from a fast one.
    """
    words = re.split(r"[\s\-]+", name.strip().lower())
    return " ".join(words[1:] if words[0] == "nvidia" else words)
