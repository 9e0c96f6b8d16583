"""How releases are written: "torch 2.1.2", "PyTorch: 2.8.0+cu128", "driver 455.23.04", "python=3.8", "CUDA 10.1".

Every pattern is bounded on both sides of what it repeats.
"""

from __future__ import annotations

import re

from envdoctor.readers.pattern import Pattern

VERSION = (
    r"\d{1,2}(?:\.\d{1,3}){1,3}(?:(?:a|b|rc)\d{1,2})?(?:[.-]?(?:dev|post)\d{1,8})?"
    r"(?:\+[A-Za-z0-9]{1,20}(?:\.[A-Za-z0-9]{1,20}){0,3})?"
)
"""A release as its package writes it; "2" alone names none."""

_BLANK = r"[\s`'\"*_]"
_JOINS = r"(?:version|版本|ver|v|release|nightly|build|is|was|[:=|@([-]|->|=>)"
_IS = rf"(?:{_BLANK}{{0,4}}{_JOINS}){{0,4}}{_BLANK[:-1]}=]{{0,5}}v?"
_END = r"(?![\w]|\.\d|\+(?:\s|$|[,)]))"
"""What follows is no more of the number, and no "+" for "or later"."""


def _release_of(names: str, word: str, begins: str = "") -> Pattern:
    """Return the pattern of a release behind a name; `word` is in every such name, `begins` begins the release.

    "PyTorch 2.0.1 (you have 2.1.0+cu121)" is how xFormers tells what it was built for, and what is there.
    """
    ahead = f"(?={begins})" if begins else ""
    told = rf"(?<![\w/.+-])(?:{names})(?:__version__|\.__version__)?{_IS}{ahead}(?P<version>{VERSION}){_END}"
    return Pattern(rf"{told}(?:[^()]{{0,60}}\(you have {ahead}(?P<have>{VERSION})\))?", re.IGNORECASE, words=(word,))


TORCH = _release_of(r"(?:py|lib)?torch(?:-gpu)?", "torch", r"[0-3](?!\d)")
PYTHON = _release_of(r"python(?:3(?=\s))?", "python", r"[23]\.")
NCCL = _release_of(r"nccl", "nccl", r"2\.")
PACKAGES = {
    "torchvision": _release_of(r"torch ?vision", "vision"),
    "torchaudio": _release_of(r"torch ?audio", "audio"),
    "triton": _release_of(r"(?:openai )?triton", "triton"),
    "numpy": _release_of("numpy", "numpy"),
    "mkl": _release_of("mkl", "mkl"),
    "xformers": _release_of("xformers", "xformers"),
    "flash-attn": _release_of(r"flash[-_ ]?attn|flash[-_ ]?attention", "flash"),
    "vllm": _release_of("vllm", "vllm"),
    "nvidia-nccl-cu12": _release_of("nvidia-nccl-cu12", "nvidia-nccl-cu12"),
    "nvidia-nccl-cu13": _release_of("nvidia-nccl-cu13", "nvidia-nccl-cu13"),
}
"""Distributions whose release people name beside torch's, by their normalised names."""

WHEEL = Pattern(
    r"(?<![\w])(?P<name>[A-Za-z]\w{1,40})-(?P<version>\d[\w.+!]{0,60})"
    r"-(?:cp\d{2,3}|py\d)[\w.]{0,12}-[\w.]{2,20}-[\w.]{3,60}\.whl",
    words=(".whl",),
)
"""The name of a wheel's file (PEP 427)."""

COMPLAINT = Pattern(
    rf"(?<![\w.-])(?P<name>[A-Za-z][\w.-]{{1,60}}) (?P<version>{VERSION}) (?:requires|has requirement) [^\n]{{3,300}}?"
    rf"but you(?:'ll)? have (?P<other>[A-Za-z][\w.-]{{1,60}}) (?P<installed>{VERSION})",
    words=("but you",),
)
"""How pip tells that two distributions do not fit (pip._internal.commands.install, `_warn_about_conflicts`)."""

DRIVER = Pattern(
    rf"(?:driver|驱动|nvidia-smi|nvidia smi)s?(?:{_BLANK}{{0,3}}(?:程序|nvidia|{_JOINS})){{0,4}}"
    rf"{_BLANK[:-1]}=]{{0,4}}v?"
    r"(?P<version>[1-9]\d{2}(?:\.\d{1,3}){0,2})(?![\w.]|\.\d)",
    re.IGNORECASE,
    words=("driver", "驱动", "smi"),
)
CUDA = Pattern(
    r"(?<![\w/.-])cuda(?P<kind>[ -](?:toolkit|runtime|driver|api))?"
    rf"{_IS}(?P<version>\d{{1,2}}\.\d{{1,2}}(?:\.\d{{1,3}}){{0,2}}){_END}",
    re.IGNORECASE,
    words=("cuda",),
)
TAG = Pattern(r"(?<![\w])cu(?P<major>\d{2})(?P<minor>\d)(?![\w])")
VERSION_CUDA = Pattern(
    r"torch\.version\.cuda[\s`'\"=:>-]{0,6}(?P<version>\d{1,2}\.\d{1,2}(?:\.\d{1,3}){0,2})(?![\w.])",
    words=("torch.version.cuda",),
)
ARCHITECTURES = Pattern(r"supports CUDA capabilities (?P<list>[\w ,]{5,300})", words=("cuda capabilities",))
"""torch/cuda/__init__.py, `_check_capability`."""

CPU_BUILD = Pattern(
    r"\b(?:torch|pytorch)[^.,;]{0,20}\b(?:cpu[- ]only|cpuonly|cpu (?:version|build|wheel))\b",
    re.IGNORECASE,
    words=("cpu",),
)
