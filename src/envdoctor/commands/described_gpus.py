"""GPUs as people name them: without the series ("4090"), by their board ("DGX Spark"), and those of other makers.

Looser than `matrix.gpu_names`, which reads what a driver says: who types a name is there to be asked again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.commands.failure import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import GpuModel

LONGEST_NAME = 100
"""Characters of a GPU's name; NVML's own limit is 96 (NVML_DEVICE_NAME_V2_BUFFER_SIZE)."""

MOST_NEAR = 3

OTHER_MAKERS = (
    (
        r"\bamd\b|\bati\b|\bradeon\b|\binstinct\b|\bfirepro\b|\bvega\b|\bgfx\d{3,4}|\brx ?\d{3,4}|\bmi\d{2,3}[a-z]?\b",
        "a GPU of AMD's, whose wheels (channels rocmX.Y) are not in this matrix; `envdoctor check` on the machine says "
        "whether an installed one serves it",
    ),
    (
        r"\bintel\b|\barc\b|\biris\b|\buhd\b|\bgaudi ?\d?\b|\bponte vecchio\b",
        "a GPU of Intel's, whose wheels (channel xpu) are not in this matrix",
    ),
    (
        r"\bapple\b|^m[1-9]\b( (pro|max|ultra))?$",
        "a GPU of Apple's, which the one build for its platform serves: --platform macos-arm64",
    ),
    (r"\btpu\b|\btrainium\d?\b|\binferentia\d?\b", "not a GPU of NVIDIA's, and the others are not in this matrix"),
)
"""Accelerators that are not NVIDIA's, by words of their names, and what to say of them."""

GRACE = r"G[BH]\d{2,3}\b"
"""Boards of an Arm processor and the GPU in one: GH200, GB200, GB300, GB10."""


def model(name: str, matrix: Matrix) -> GpuModel:
    """Return the GPU that a person means. Raises `Unusable`, with near names, where that is not certain."""
    short = len(name) <= LONGEST_NAME
    found = next(filter(None, map(matrix.gpu, _spellings(name))), None) or _of_board(name, matrix) if short else None
    if found is not None:
        return found
    for words, what in OTHER_MAKERS if short else ():
        if re.search(words, name.strip().lower()):
            raise Unusable(f"--gpu {name}: {what}")
    near = _near(name, matrix)[:MOST_NEAR] if short else []
    hint = f"did you mean {' or '.join(near)}?" if near else "name its --compute-capability instead"
    raise Unusable(f"--gpu {name}: unknown to this matrix; {hint}")


def platform(one: GpuModel) -> str | None:
    """Return the one platform that a GPU is found on, None where it may be in any computer."""
    if one.kind == "jetson":
        return "linux-aarch64-jetson"
    return "linux-aarch64" if re.match(GRACE, one.name) else None


def _spellings(name: str) -> Iterator[str]:
    """Yield a name as it stands, and with the words that people leave out: a bare number is a GeForce, A6000 an RTX."""
    yield name
    plain = name.strip()
    if re.match(r"(?i)\d|a\d{4}\b", plain):
        yield f"RTX {plain}"
        yield f"GTX {plain}"
    if re.fullmatch(r"(?i)rtx ?pro ?\d000", plain):
        yield f"{plain} Blackwell"


def _of_board(name: str, matrix: Matrix) -> GpuModel | None:
    """Return the GPU of a board, which the matrix names in brackets: "GB10 (DGX Spark)", "Jetson T5000 (AGX Thor)"."""
    said = [word for word in re.findall(r"[a-z0-9]+", name.lower()) if word not in ("nvidia", "jetson")]
    for one in matrix.gpus:
        board = re.search(r"\((.*)\)", one.name)
        words = re.findall(r"[a-z0-9]+", board[1].lower()) if board else []
        if said and words[:1] != ["per"] and words[-len(said) :] == said:
            return one
    return None


def _near(name: str, matrix: Matrix) -> Sequence[str]:
    """Return known names: the letter O for the digit put right, those that hold every word, those that resemble."""
    digits = re.sub(r"(?i)(?<=\d)o+|o+(?=\d)", lambda match: "0" * len(match[0]), name)
    if matrix.gpu(digits):
        return (digits,)
    said = set(re.findall(r"[a-z0-9]+", digits.lower()))
    holding = [one.name for one in matrix.gpus if said and said <= set(re.findall(r"[a-z0-9]+", one.name.lower()))]
    return holding or matrix.gpu_names_near(digits)
