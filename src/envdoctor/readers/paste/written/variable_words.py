"""Environment variables where people set or show them: `export X=...`, `X=... python main.py`, `ENV X ...`.

Only those of the allow-list are read (the same as a look at a machine takes), so that no secret becomes a fact.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.fact import Absent, Known
from envdoctor.readers.paste.written.clauses import Stance, divided, stance_of
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.fact import Fact

NAMES = (
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES",
    "HSA_OVERRIDE_GFX_VERSION", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_REQUIRE_CUDA",
    "NVIDIA_DISABLE_REQUIRE", "NVIDIA_PYTORCH_VERSION", "_CUDA_COMPAT_STATUS", "LD_LIBRARY_PATH", "LD_PRELOAD",
    "CUDA_HOME", "CUDA_PATH", "CUDA_MODULE_LOADING", "CUDA_LAUNCH_BLOCKING", "CUDA_FORCE_PTX_JIT",
    "CUDA_MPS_PIPE_DIRECTORY", "TORCH_CUDA_ARCH_LIST", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF",
    "PYTORCH_ENABLE_MPS_FALLBACK", "TORCHDYNAMO_DISABLE", "OMP_NUM_THREADS", "TORCH_HOME", "HF_HOME",
    "NCCL_P2P_DISABLE", "NCCL_SHM_DISABLE", "NCCL_IB_DISABLE", "NCCL_SOCKET_IFNAME", "NCCL_DEBUG", "PYTHONPATH",
    "PYTHONHOME", "PYTHONNOUSERSITE", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "UV_TORCH_BACKEND",
)  # fmt: skip
"""The allow-list of probes/environment.py; a test holds the two together, for readers import no probe."""
LISTED = frozenset(f"env.{name}" for name in NAMES)

SOURCE = "a shell"

_NAME = "(?P<name>" + "|".join(NAMES) + ")"
_VALUE = r"(?P<value>\"[^\"\n]{0,2000}\"|'[^'\n]{0,2000}'|[^\s\"';&|)`]{0,2000})"
_SET = Pattern(rf"(?<![\w$%{{-]){_NAME}(?:['\"]\])?(?:=|\s{{1,3}}=\s{{0,3}}|=\s{{1,3}}|:\s{{1,3}})(?!=){_VALUE}")
_SET_APART = Pattern(rf"\b(?:setenv|ENV)\s{{1,3}}{_NAME}\s{{1,3}}{_VALUE}", words=("env",))
_UNSET = Pattern(
    rf"\bunset\s{{1,3}}{_NAME}\b"
    rf"|(?<![\w$]){_NAME.replace('name', 'other', 1)} (?:is |was )?(?:not set|unset|undefined)\b",
    words=("unset", "not set", "undefined"),
)
_SHOWN = Pattern(
    rf"(?:echo|printenv|Write-Output)\s{{1,3}}[\"']?[$%]?(?:env:)?\{{?{_NAME}\}}?%?[\"']?\s{{0,4}}"
    r"(?:(?:->|=>|:|=|#)\s{0,3}(?P<value>\S.{0,2000}))?$",
    words=("echo", "printenv", "write-output"),
)

_BETWEEN_NUMBERS = re.compile(r"(?<=[\dX]);(?=\d)")
_KEPT = "\x1f"
"""What divides the entries of a list of architectures is no end of a clause."""


def names_one(text: str) -> bool:
    """Whether a listed variable is named at all."""
    return ("_" in text or "PYTHON" in text) and any(name in text for name in NAMES)


def variables_in(text: str, below: str) -> Iterator[tuple[str, Fact]]:
    """Yield the listed variables that a line sets, unsets or shows; `below` is the next line, where an answer may be.

    One that it works with is not set where it fails.
    """
    shown = _SHOWN.search(text.strip().strip("`"))
    if shown:
        value = shown["value"] if shown["value"] is not None else below
        if value.strip() or shown["value"] is None:
            yield f"env.{shown['name']}", Known(_plain(value.strip()), SOURCE)
        return
    for part in _within(text):
        for match in (*_SET.finditer(part), *_SET_APART.finditer(part)):
            value = match["value"]
            # What the shell fills in is told where its answer is shown, and nowhere else.
            if match["name"] not in ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH") and "$" in value:
                continue
            if value or "=" in match[0]:
                yield f"env.{match['name']}", Known(_plain(value), SOURCE)
        gone = _UNSET.search(part)
        if gone:
            yield f"env.{gone['name'] or gone['other']}", Absent("the paste says that it is not set")


def _within(text: str) -> Iterator[str]:
    """Yield the clauses in which a variable is as it is when it fails."""
    for part in divided(_BETWEEN_NUMBERS.sub(_KEPT, text)):
        if names_one(part) and stance_of(part) in (Stance.PLAIN, Stance.FAILS):
            yield part.replace(_KEPT, ";")


def _plain(value: str) -> str:
    value = value.strip("\"'`").rstrip(",")
    return strip_credentials(value) if len(value) > 3 else value
