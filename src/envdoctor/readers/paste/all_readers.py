"""The readers of pastes, in their order: the strictest format first, prose last."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envdoctor.model.paste import Line, Reading

ORDER = (
    "collect_env", "processor", "vllm_env", "accelerate_env", "ds_report", "library_env", "lightning_env",
    "xformers_info", "nvidia_smi", "nvidia_smi_query", "pip_list",
    "pip_freeze", "pip_show", "pip_log", "conda_list", "conda_env", "nvcc", "ldd", "driver_tools",
    "host_tools", "session", "error_texts", "prose",
)  # fmt: skip
"""Modules of this folder; each has `read(lines) -> Reading`."""

WORDS: Mapping[str, tuple[str, ...]] = {
    "vllm_env": ("vllm", "neuron", "environment variables"),
    "accelerate_env": ("accelerate", "diffusers", "transformers", "peft", "huggingface", "gpu?", "accelerator?"),
    "ds_report": ("...",),
    "library_env": ("sys.platform", "python:", "built with"),
    "lightning_env": ("available:",),
    "xformers_info": ("pytorch.version:",),
    "nvidia_smi_query": (",", "_", "nvsmi", "attached"),
    "pip_freeze": ("==", " @ "),
    "pip_log": ("installed", "already", "==", "but you"),
    "conda_env": ("=", "platform", "user-agent", "prefix", "/"),
    "nvcc": ("nvcc", "cuda", "nvidia"),
    "ldd": (".so",),
}
"""Words, in lower case, without all of which a reader finds nothing: then it is not even imported."""


def readings(lines: Sequence[Line]) -> Iterator[Reading]:
    """Yield what each reader makes of a paste; lines that one claims are hidden from those after it."""
    left = list(lines)
    lower = "\n".join(line.text for line in lines).lower()
    for name in ORDER:
        if name in WORDS and not any(word in lower for word in WORDS[name]):
            continue
        found: Reading = import_module(f"envdoctor.readers.paste.{name}").read(left)
        if found.claimed:
            left = [line for line in left if line.number not in found.claimed]
        yield found
