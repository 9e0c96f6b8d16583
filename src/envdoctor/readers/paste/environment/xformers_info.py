"""`python -m xformers.info`: dotted keys, with the torch it runs on and the one it was built for.

Source: xformers/info.py. What it was built for is no fact of its own; xformers says by itself where the two differ.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known
from envdoctor.model.paste import Package, Reading, Stated
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.fact import Value
    from envdoctor.model.paste import Line

FORMAT = "xformers.info"

ROW = Pattern(r"\s{0,12}((?:pytorch|gpu|build|is_triton)[\w.]{1,60}):\s{1,60}(\S.{0,300})")
OTHER = Pattern(r"\s{0,12}(?:memory_efficient_attention|indexing|swiglu|sequence_parallel_fused|sp24)\.[^:\n]{1,60}: ")
TITLE = Pattern(r"xFormers (\d[\w.+]{1,60})\s{0,4}", re.IGNORECASE)
VERSION = Pattern(r"\d{1,3}\.\d[\w.+-]{0,80}")


def read(lines: Sequence[Line]) -> Reading:
    """Read the rows where `pytorch.version` stands among them."""
    own = [at for at, line in enumerate(lines) if line.text.lstrip().startswith("pytorch.version:")]
    if not own:
        return Reading(FORMAT)
    stated: list[Stated] = []
    packages: list[Package] = []
    claimed: set[int] = set()
    for line in lines[max(0, own[0] - NEAR) : own[0] + NEAR]:
        title = TITLE.fullmatch(line.text)
        row = ROW.fullmatch(line.text)
        if title:
            packages.append(Package("xformers", title[1], line.number))
        elif row:
            stated += [Stated(name, Known(value, FORMAT), line.number) for name, value in _facts(row[1], row[2])]
        if title or row or OTHER.match(line.text):
            claimed.add(line.number)
    return Reading(FORMAT, tuple(stated), tuple(packages), claimed=frozenset(claimed))


NEAR = 60
"""Rows of it, at most."""


def _facts(key: str, value: str) -> Iterator[tuple[str, Value]]:
    if key == "pytorch.version" and (version := VERSION.match(value)):
        yield "torch.version", version[0]
    elif key == "pytorch.cuda":
        # "available" or "not available" is torch.cuda.is_available(), also of a build for ROCm.
        yield "said.cuda_available", value.strip() == "available"
    elif key == "gpu.compute_capability" and (capability := re.match(r"\d{1,2}\.\d", value)):
        yield "gpu.0.compute_capability", capability[0]
    elif key == "gpu.name":
        yield "gpu.0.name", value.strip()[:100]
