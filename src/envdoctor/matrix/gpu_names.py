"""GPU marketing names: the same product written by NVML, by `nvidia-smi`, by a shop or by hand.

Words that tell apart neither product nor compute capability (maker, memory, socket) are dropped; every other
word must agree. "RTX 5000 Ada", "Quadro RTX 5000" and "RTX PRO 5000 Blackwell" are three generations, so a bare
"RTX 5000" is none of them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envdoctor.matrix.tables import GpuModel

_SILENT = re.compile(
    r"nvidia|tesla|geforce|gpu|generation|edition|workstation|server|with|max|q|design"
    r"|\d{1,4}gb|gb|sxm\d?|pcie|hbm\d?e?|nvl"
)
# Laptop parts carry the name of a desktop part; in these series they have its compute capability too (NVIDIA's
# cuda-gpus page lists both in one row). Older ones differ: GTX 960M is 5.0, GTX 960 is 5.2.
_SAME_IN_A_LAPTOP = r"rtx [2-5]0\d0( .*)?|rtx a\d000|rtx \d000 ada|rtx pro \d000 blackwell"

_BOARDS = ("orin", "xavier", "thor")
"""What CUDA itself calls the GPU of every Jetson module of a series ("Orin", "NVIDIA Thor")."""

NEAR = 5
"""How many names are worth showing when one is not known."""


@lru_cache(maxsize=512)
def words(name: str) -> tuple[str, ...]:
    """The words of a GPU name that tell products apart, lower case: ("rtx", "4070", "ti")."""
    text = re.sub(r"\(r\)|\(tm\)|[®™]", " ", name.lower())
    text = re.sub(r"\bmig\b.*|\(.*?\)", " ", text)  # a MIG slice, a board in brackets: same silicon
    text = re.sub(r"\b([rg]tx)(?=\d)", r"\1 ", text)
    text = re.sub(r"(?<=\d)(ti|super)\b", r" \1", text)
    text = re.sub(r"(\d) gb\b", r"\1gb", text)
    text = re.sub(r"\b(k[24]0)[cmst]\b", r"\1", text)  # how a Tesla of that time is cooled and plugged in
    found = re.findall(r"[a-z0-9]+", text)
    return tuple(word for word in found if not _SILENT.fullmatch(word))


def find(name: str, models: Sequence[GpuModel]) -> GpuModel | None:
    """The model that `name` means, or None where that is not certain.

    Where several boards share the words that matter (memory sizes, sockets), they have one compute capability,
    and the one whose full name is nearest is returned.
    """
    wanted = words(name)
    candidates = [model for model in models if words(model.name) == wanted]
    if not candidates and "laptop" in wanted:
        desktop = tuple(word for word in wanted if word != "laptop")
        if re.fullmatch(_SAME_IN_A_LAPTOP, " ".join(desktop)):
            candidates = [model for model in models if words(model.name) == desktop]
    spelled = set(re.findall(r"[a-z]+|\d+", name.lower()))
    board = next((one for one in _BOARDS if one in spelled), None)
    if not candidates and board:
        candidates = [model for model in models if board in re.findall(r"[a-z]+", model.name.lower())]
    if not wanted or len({model.capability for model in candidates}) != 1:
        return None
    return max(candidates, key=lambda model: _closeness(spelled, model.name))


def _closeness(spelled: set[str], name: str) -> tuple[int, int]:
    other = set(re.findall(r"[a-z]+|\d+", name.lower()))
    return len(spelled & other), -len(other - spelled)


def near(name: str, models: Iterable[GpuModel]) -> tuple[str, ...]:
    """At most five known names that resemble `name`, nearest first."""
    from difflib import get_close_matches  # 2 ms that only a typing error costs

    by_words = {" ".join(words(model.name)): model.name for model in models}
    matches = get_close_matches(" ".join(words(name)), by_words, n=NEAR, cutoff=0.6)
    return tuple(by_words[match] for match in matches)
