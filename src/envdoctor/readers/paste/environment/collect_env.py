"""`python -m torch.utils.collect_env`, in every layout since torch 1.0, whole or cut anywhere.

Source: `env_info_fmt` in torch/utils/collect_env.py (1.0 to 2.15). Others print its keys as well: vLLM (padded, under
headings), projects that took the file over.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from envdoctor.model.paste import Reading, Stated
from envdoctor.readers.paste.environment import keyed
from envdoctor.readers.paste.environment.collect_env_lists import BELOW, loose_gpus, package_rows
from envdoctor.readers.paste.environment.collect_env_values import SOURCE, facts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.paste import Line
    from envdoctor.readers.paste.environment.keyed import Keyed

FORMAT = SOURCE

BEGINS = "Collecting environment information"

OWN = (
    "is debug build", "cuda used to build pytorch", "rocm used to build pytorch", "rocm sdk used to build pytorch",
    "hip used to build pytorch", "xpu used to build pytorch", "clang version", "cmake version", "libc version",
    "python platform", "is cuda available", "is cuda available (pytorch)", "cuda runtime version",
    "cuda_module_loading set to", "gpu models and configuration", "nvidia driver version", "is xpu available",
    "hip runtime version", "miopen runtime version", "is xnnpack available", "caching allocator config",
    "versions of relevant libraries", "intel gpu driver version", "intel gpu models onboard",
    "intel gpu models detected", "vllm version", "vllm build flags", "gpu topology",
)  # fmt: skip
"""Keys that no other report prints and nobody writes by themselves."""

COMMON = (
    "pytorch version",
    "os",
    "gcc version",
    "python version",
    "cudnn version",
    "cpu",
    "torchvision version",
    "torchaudio version",
)
"""Keys that people write as well: a report's where one of its own keys is near."""

MOST_KEYS = 2000
"""Keys that are read, those of some eighty reports."""

NEAR = 30
"""Lines between keys of one report, at most: sixteen GPUs, eight libraries of cuDNN."""

KEYS = keyed.pattern_of((*OWN, *COMMON))


def read(lines: Sequence[Line]) -> Reading:
    """Read every report of a paste; where there are two, the first comes first."""
    # A name in braces stands where somebody pasted the program and not what it printed.
    found = islice(keyed.keyed(lines, KEYS), MOST_KEYS)
    hits = [hit for hit in found if not re.fullmatch(r"\{\w{1,60}\}", hit.value)]
    own = [hit.at for hit in hits if hit.key in OWN]
    hits = [hit for hit in hits if hit.key in OWN or keyed.near(own, hit.at, NEAR)]
    stated: list[Stated] = []
    claimed: set[int] = set()
    for report in _reports(hits):
        told = {hit.key: hit.value for hit in reversed(report)}
        for place, hit in enumerate(report):
            facts_of = [Stated(name, fact, hit.line) for name, fact in facts(hit.key, hit.value, told)]
            if hit.key in BELOW:
                ends = report[place + 1].at if place + 1 < len(report) else hit.at + NEAR
                facts_of += BELOW[hit.key](hit.value, lines[hit.at : max(ends, hit.at + 1)], claimed)
            if facts_of or hit.key != "gpu models and configuration":
                # A GPU by a name that people write is read with their other words.
                claimed.add(hit.line)
            stated += facts_of
    if not any(hit.key == "gpu models and configuration" for hit in hits):
        stated += loose_gpus(lines, own, NEAR, claimed)
    claimed |= {line.number for line in lines if line.text.startswith(BEGINS)}
    packages = tuple(package_rows(lines, claimed))
    return Reading(FORMAT, tuple(stated), packages, claimed=frozenset(claimed))


def _reports(hits: Sequence[Keyed]) -> Iterator[list[Keyed]]:
    """Divide the keys where a report begins anew: with the version of torch, or a key that it had already."""
    report: list[Keyed] = []
    seen: set[str] = set()
    for hit in hits:
        if hit.key in seen and hit.key in ("pytorch version", "os", "is debug build"):
            yield report
            report, seen = [], set()
        report.append(hit)
        seen.add(hit.key)
    if report:
        yield report
