"""The readers of pastes, in their order: the strictest format first, prose last."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envdoctor.model.paste import Line, Reading

ORDER = (
    "environment.collect_env", "environment.processor", "environment.vllm_env", "environment.accelerate_env",
    "environment.ds_report", "environment.library_env", "environment.lightning_env", "environment.xformers_info",
    "tools.nvidia_smi", "tools.nvidia_smi_query",
    "listings.pip_list", "listings.pip_freeze", "listings.pip_show", "listings.pip_log", "listings.conda_list",
    "listings.conda_env",
    "tools.nvcc", "tools.ldd", "tools.driver_tools", "tools.host_tools",
    "written.session", "error_texts", "written.prose",
)  # fmt: skip
"""Modules below this folder; each has `read(lines) -> Reading`."""

WORDS: Mapping[str, tuple[str, ...]] = {
    "environment.vllm_env": ("vllm", "neuron", "environment variables"),
    "environment.accelerate_env": (
        "accelerate", "diffusers", "transformers", "peft", "huggingface", "gpu?", "accelerator?",
    ),
    "environment.ds_report": ("...",),
    "environment.library_env": ("sys.platform", "python:", "built with"),
    "environment.lightning_env": ("available:",),
    "environment.xformers_info": ("pytorch.version:",),
    "tools.nvidia_smi_query": (",", "_", "nvsmi", "attached"),
    "listings.pip_freeze": ("==", " @ "),
    "listings.pip_log": ("installed", "already", "==", "but you"),
    "listings.conda_env": ("=", "platform", "user-agent", "prefix", "/"),
    "tools.nvcc": ("nvcc", "cuda", "nvidia"),
    "tools.ldd": (".so",),
}  # fmt: skip
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
