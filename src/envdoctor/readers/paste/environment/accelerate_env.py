"""`accelerate env`, `transformers env` and `diffusers-cli env`: one list of `- key: value`, with small differences.

Sources: commands/env.py of accelerate, transformers and diffusers. The version of torch is followed by whether it finds
a GPU ("2.1.0+cu121 (True)") or, newer, by the kind of accelerator ("2.8.0+cu128 (CUDA)").
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known
from envdoctor.model.paste import Package, Reading, Stated
from envdoctor.readers.paste.environment import system_words
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envdoctor.model.fact import Value
    from envdoctor.model.paste import Line

FORMAT = "accelerate env"

ROW = Pattern(r"\s{0,12}[-*\u2022]?\s{0,4}([^\s:][^:\n]{0,60}?)\s{0,12}:(?:\s{1,12}(\S.{0,400}))?")
OWN = Pattern(
    r"pytorch version \((?:gpu|accelerator)\?\)|(?:accelerate|diffusers|transformers|peft|huggingface[_-]hub) version"
)
"""Keys that tell this list from others; without one of them near, the others are somebody's own words."""

DISTRIBUTIONS = {
    "accelerate version": "accelerate", "transformers version": "transformers", "diffusers version": "diffusers",
    "peft version": "peft", "bitsandbytes version": "bitsandbytes", "xformers version": "xformers",
    "numpy version": "numpy", "deepspeed version": "deepspeed", "trl version": "trl",
    "flash attention version": "flash-attn",
}  # fmt: skip

TORCH = Pattern(r"(\d{1,2}\.\d[\w.+-]{0,80})(?:\s{0,4}\((\w{1,20})\))?")
MEMORY = Pattern(r"(.{3,100}?),?\s{1,4}(\d{3,7})\s?MiB")
NEAR = 30
MOST_GPUS = 64
MOST_ROWS = 2000


def read(lines: Sequence[Line]) -> Reading:
    """Read the lists of a paste; their keys count from the first that is theirs to the last."""
    rows: dict[int, tuple[str, str]] = {}
    own: list[int] = []
    for index, line in enumerate(lines):
        if ":" not in line.text:
            continue
        match = ROW.fullmatch(line.text)
        if match is None:
            continue
        key = " ".join(re.sub(r"[^\w?()./ -]", "", match[1].lower()).split())
        rows[index] = key, (match[2] or "").strip()
        if OWN.fullmatch(key):
            own.append(index)
    if not own:
        return Reading(FORMAT)
    rows = {index: row for index, row in rows.items() if own[0] - 4 <= index <= own[-1] + NEAR}
    rows = dict(islice(rows.items(), MOST_ROWS))
    stated: list[Stated] = []
    packages: list[Package] = []
    claimed: set[int] = set()
    for index, (key, value) in rows.items():
        number = lines[index].number
        name = DISTRIBUTIONS.get(key)
        if name and re.match(r"\d", value):
            packages.append(Package(name, value.split()[0], number))
            claimed.add(number)
            continue
        found = [*_facts(key, value, rows)]
        if key in ("gpu type", "accelerator"):
            found += _gpus(value, lines[index + 1 : index + MOST_GPUS])
        if found:
            claimed.add(number)
        stated += [Stated(fact, Known(one, FORMAT), number) for fact, one in found]
    return Reading(FORMAT, tuple(stated), tuple(packages), claimed=frozenset(claimed))


def _facts(key: str, value: str, rows: Mapping[int, tuple[str, str]]) -> Iterator[tuple[str, Value]]:
    if key.startswith("pytorch version"):
        torch = TORCH.match(value)
        if torch:
            yield "torch.version", torch[1]
            word = (torch[2] or "").lower()
            if word in ("true", "cuda"):
                yield "said.cuda_available", True
                if "rocm" not in torch[1]:
                    yield "cuda.init", 0
            elif word in ("false", "cpu", "na"):
                yield "said.cuda_available", False
    elif key == "platform":
        yield from system_words.python_platform(value)
        glibc = system_words.glibc_of_platform(value)
        if glibc and _python(rows) >= (3, 9):
            yield "host.libc", glibc
    elif key == "python version":
        version = re.match(r"\d\.\d{1,2}(?:\.\d{1,2})?", value)
        if version:
            yield "python.version", version[0]


def _python(rows: Mapping[int, tuple[str, str]]) -> tuple[int, int]:
    for key, value in rows.values():
        version = re.match(r"(\d)\.(\d{1,2})", value) if key == "python version" else None
        if version:
            return int(version[1]), int(version[2])
    return 0, 0


def _gpus(value: str, below: Sequence[Line]) -> Iterator[tuple[str, Value]]:
    """Yield the GPU of accelerate, or those of diffusers, one a line with its memory."""
    names = [value, *(line.text.strip() for line in below)]
    for index, words in enumerate(names):
        memory = MEMORY.fullmatch(words)
        if memory is None and index:
            return
        name = memory[1] if memory else words
        if not name or name.lower() in ("na", "n/a", "none", "cpu", "not applicable"):
            return
        yield f"gpu.{index}.name", name[:100]
        if memory:
            yield f"gpu.{index}.memory_mib", int(memory[2])
