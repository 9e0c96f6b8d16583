"""The readers of pastes, in their order: the strictest format first, prose last."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.paste import Line, Reading

ORDER = (
    "collect_env", "processor", "vllm_env", "accelerate_env", "ds_report", "vision_env", "lightning_env", "nvidia_smi", "nvidia_smi_query", "pip_list",
    "pip_freeze", "pip_show", "conda_list", "conda_env", "nvcc", "ldd", "host_tools", "session", "error_texts", "prose",
)  # fmt: skip
"""Modules of this folder; each has `read(lines) -> Reading`."""


def readings(lines: Sequence[Line]) -> Iterator[Reading]:
    """Yield what each reader makes of a paste; lines that one claims are hidden from those after it."""
    left = list(lines)
    from importlib.util import find_spec

    for name in ORDER:
        if find_spec(f"envdoctor.readers.paste.{name}") is None:  # TEMPORARY
            continue
        found: Reading = import_module(f"envdoctor.readers.paste.{name}").read(left)
        if found.claimed:
            left = [line for line in left if line.number not in found.claimed]
        yield found
