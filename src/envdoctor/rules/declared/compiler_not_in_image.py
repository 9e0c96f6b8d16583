"""Stages that compile CUDA code on an image without nvcc."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.place import Amendment
from envdoctor.rules.declared.declared_rule import DeclaredRule, FileExample
from envdoctor.rules.declared.image_references import cuda_tag, on_the_hub, reference_of, torch_tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Flaw, Image
    from envdoctor.model.declared_container import ContainerSpec

_SOURCES = (
    "flash-attn",
    "flash_attn",
    "apex",
    "mamba-ssm",
    "mamba_ssm",
    "causal-conv1d",
    "causal_conv1d",
    "tinycudann",
)
"""Packages that are compiled by nvcc where no ready wheel is taken."""

_INSTALLS = re.compile(r"\b(?:pip[\d.]*|uv\s+pip)\s+(?:install|wheel)\b([^;&|\n]{0,2000})")
_FORCED = re.compile(
    r"\b(?:FORCE_CUDA=1|MMCV_WITH_OPS=1|DS_BUILD_OPS=1)\b|-D(?:GGML|LLAMA|USE)_CUDA(?:BLAS)?=(?:on|1|true)\b",
    re.IGNORECASE,
)
_NVCC = re.compile(r"(?:^|[;&|(]|\bthen\b|\bdo\b)\s{0,40}(?:/usr/local/cuda/bin/)?nvcc\s(?![^;&\n]{0,400}\|\|)")
_FORGIVEN = re.compile(r"(?:&\d|&>)?[^;&|\n]{0,200}\|\|\s{0,4}(?!exit\b|false\b|[^\n]{0,200}\bexit\s[1-9])\S")
"""What stands behind a step that may fail."""

_SKIPPED = re.compile(r"\bFLASH_ATTENTION_SKIP_CUDA_BUILD=(?:TRUE|1)\b", re.IGNORECASE)
_BRINGS = re.compile(
    r"\b(?:nvidia-)?cuda-(?:toolkit|nvcc|compiler|minimal-build|command-line-tools|dev|\d)|\bcudatoolkit|cuda_\d[\w.]{0,60}run"
    r"|nvidia-cuda-nvcc|/usr/local/cuda|\bcuda-version\b"
)


def judge(container: ContainerSpec, matrix: Matrix) -> Iterator[Flaw]:  # noqa: ARG001 - every rule is asked alike
    """Find a step that needs nvcc where the image has none and nothing brings it."""
    image = container.image
    flavour = _flavour(image) if image else ""
    if image is None or not flavour:
        return
    texts = [one.text for one in (*container.runs, *container.copies)]
    if any(_BRINGS.search(text) for text in texts):
        return
    set_there = " ".join(f"{name}={value}" for name, value in container.environment)
    for run in container.runs:
        what = _compiled(run.text, set_there)
        if what:
            right = image.reference.replace(f"-{flavour}", "-devel", 1)
            amendments: tuple[Amendment, ...] = ()
            if image.written.count(f"-{flavour}") == 1:
                new = image.written.replace(f"-{flavour}", "-devel")
                amendments = (Amendment(image.place, image.written, new, safe=False),)
            yield RULE.flaw(
                "image",
                f"{what} in line {run.place.line} needs the CUDA compiler nvcc, which {image.reference} does not have; "
                f"{right} has it.",
                image.place,
                *amendments,
            )
            return


def _flavour(image: Image) -> str:
    """Return "runtime" or "base" of an image known to have no compiler, "" for any other."""
    reference = reference_of(image.reference)
    repository = on_the_hub(reference) if reference else None
    if reference and repository == "pytorch/pytorch":
        torch = torch_tag(reference.tag)
        return "runtime" if torch and torch.kind == "runtime" else ""
    if reference and (repository == "nvidia/cuda" or reference[:2] == ("nvcr.io", "nvidia/cuda")):
        cuda = cuda_tag(reference.tag)
        return cuda.flavour if cuda and cuda.flavour in ("runtime", "base") else ""
    return ""


def _compiled(text: str, environment: str) -> str:
    """Return what a command compiles, "" where it compiles nothing by nvcc."""
    forced = _FORCED.search(f"{environment} {text}")
    for match in _INSTALLS.finditer(text):
        if _FORGIVEN.match(text, match.end(1)):
            continue
        words = match[1].split()
        for word in words:
            name = next(
                (one for one in _SOURCES if re.match(rf"(?:git\+https?://\S+/)?{one}\b(?!\S*\.whl)", word)), None
            )
            if name == "flash-attn" and _SKIPPED.search(f"{environment} {text}"):
                continue
            if name and (name != "apex" or "git+" in word or "--cuda_ext" in text):
                return f"installing {name}"
        if forced:
            return f"a build with {forced[0]}"
    return "nvcc" if _NVCC.search(text) else ""


_COMPILES = "RUN pip install flash-attn --no-build-isolation\n"

RULE = DeclaredRule(
    of_container=judge,
    fires=(
        FileExample(
            "flash-attn is compiled on an image of the kind runtime",
            "Dockerfile",
            f"FROM pytorch/pytorch:2.7.0-cuda12.6-cudnn9-runtime\n{_COMPILES}",
        ),
    ),
    quiet=(
        FileExample(
            "the image has the compiler",
            "Dockerfile",
            f"FROM pytorch/pytorch:2.7.0-cuda12.6-cudnn9-devel\n{_COMPILES}",
        ),
        FileExample(
            "a step brings the compiler",
            "Dockerfile",
            "FROM nvidia/cuda:12.6.3-base-ubuntu24.04\n"
            f"RUN apt-get update && apt-get install -y cuda-toolkit-12-6\n{_COMPILES}",
        ),
    ),
)
