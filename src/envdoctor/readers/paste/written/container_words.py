"""What tells that it happens in a container, with which image, and whether it was started with GPUs."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.fact import Known
from envdoctor.model.paste import Stated
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.paste import Line

LONGEST = 2000

_RUN = Pattern(
    r"\b(?P<tool>nvidia-docker|docker-compose|docker|podman|nerdctl)\s{1,3}(?:container\s{1,3})?"
    r"(?P<verb>run|create|exec|compose|start|up)\b(?P<rest>.{0,1500})",
    words=("docker", "podman", "nerdctl"),
)
_SINGULARITY = Pattern(
    r"\b(?:singularity|apptainer)\s{1,3}(?:shell|exec|run)\b(?P<rest>.{0,600})", words=("singularity", "apptainer")
)
_GPUS = Pattern(
    r"--gpus?\b|--runtime[= ]nvidia|--device[= ](?:nvidia\.com/gpu|/dev/nvidia)|--nv\b"
    r"|\bNVIDIA_VISIBLE_DEVICES=(?!void|none)"
)
_PROMPT = Pattern(
    r"\s{0,12}(?:\([\w.-]{1,40}\)\s?)?[\w-]{1,32}@(?:[0-9a-f]{12}|container|docker)(?::[^\s#$]{0,200})?[#$]",
    words=("@",),
)
"""Docker calls a container by the first twelve digits of its identity."""
_WITHIN = Pattern(
    r"\b(?:in(?:side)?|within|into|from)(?: of)? "
    r"(?:(?:the|a|an|my|our|this|that|project|nvidia|same|jupyter\w{0,10}|official|pytorch|ngc|running|new|old) ){0,3}"
    r"(?:docker|containers?|podman|singularity|apptainer|k8s|kubernetes|pods?)(?![\w-]|\.\w)"
    r"|\b(?:docker|podman)[ :,]{1,2}(?:container|image|env\w{0,10})\b|\b(?:devcontainer|dev container)\b"
    r"|\b(?:using|via|with|running|run|use|started) (?:the |a |my )?"
    r"(?:docker|podman|container)(?![\w-]|\.\w)(?! desktop)"
    r"|\bcontainer(?::| image| is| with| based| started| nvidia/| pytorch/)",
    re.IGNORECASE,
    words=("docker", "container", "podman", "singularity", "apptainer", "k8s", "kubernetes", "pod"),
)
_LISTED = Pattern(
    r"\s{0,8}(?:[-*]\s)?(?:docker|podman|container)\b(?=\s{0,3}(?:,|:|$|\(|[\w.-]{2,40}/[\w.-]{2,60}))",
    re.IGNORECASE,
    words=("docker", "podman", "container"),
)
"""The first word of a list of what is there: "docker, RTX 4090"."""
_PODS = Pattern(
    r"\bkubectl\s|\b(?:kubernetes|k8s)\b[^.;]{0,30}\b(?:deployment|pod|cluster|job|node|helm|container)"
    r"|\bin (?:a |the )?pods?\b|\bnvidia\.com/gpu:|\bkind: (?:Pod|Deployment|Job)\b",
    re.IGNORECASE,
    words=("kube", "k8s", "pod", "nvidia.com/gpu", "kind:"),
)
_NOT = Pattern(
    r"\b(?:not|no|without|n't|outside(?: of)?|never|neither|instead of|works?|worked|fine)\b[^.,;]{0,24}$",
    re.IGNORECASE,
)
_BUT_NOT = Pattern(r"\b(?:works?|worked|fine|ok|true|available)\b[^.;]{0,60}\bnot\s{0,2}$", re.IGNORECASE)
""""Works on the host, not in the container": it is about the container."""
_WORKS_THERE = Pattern(
    r"(?![^.;]{0,40}\b(?:host|outside|while|whereas)\b)[^.;]{0,40}\b(?:works?|worked|is fine|ok)\b", re.IGNORECASE
)
_COMPOSE = Pattern(r"\s{0,8}[a-z0-9][\w.-]{1,60}[-_]\d{1,3} exited with code \d", words=("exited with",))
"""What `docker compose` says of a service that ended; its marks before each line are gone by now (cleaning.py)."""
_BANNER = Pattern(
    r"NVIDIA Release \d\d\.\d\d|WARNING: The NVIDIA Driver was not detected|Container image Copyright",
    words=("nvidia release", "driver was not", "container image"),
)
"""What the start of an NVIDIA image prints (/opt/nvidia/entrypoint.d)."""
_SUPPOSED = Pattern(
    r"\?\s{0,3}$|\b(?:should|could you|would|try(?: to)?|does it|please|need to|if you)\b", re.IGNORECASE
)
IMAGE = Pattern(
    r"(?<![\w./@-])(?P<image>(?:(?:nvcr\.io|docker\.io|ghcr\.io|quay\.io)/)?"
    r"(?:nvidia/(?:cuda|pytorch|l4t-pytorch)|pytorch/pytorch|rocm/pytorch|dustynv/[\w-]{2,40}|vllm/vllm-openai"
    r"|pytorchignite/[\w-]{2,40}|huggingface/[\w-]{2,60})(?::[\w][\w.-]{0,127})?)(?![\w/])",
    words=("nvidia/", "pytorch", "rocm/", "dustynv/", "vllm/", "huggingface/"),
)
"""Images that torch is in, or is put into."""
_ANY_IMAGE = Pattern(
    r"(?:^|\s)(?P<image>[a-z0-9][\w.-]{0,60}(?::\d{2,5})?(?:/[a-z0-9][\w.-]{0,80}){1,3}(?::[\w][\w.-]{0,127})?)(?=\s|$)"
)
_NAMED_IMAGE = Pattern(
    r"\b[Ii]mage[: `]{1,3}(?P<image>[a-z0-9][\w.-]{0,60}(?::\d{2,5})?(?:/[a-z0-9][\w.-]{0,80}){1,3}"
    r":[\w][\w.-]{0,127})(?=[\s`,.;)]|$)",
    words=("image",),
)
_SIGNS = (
    "docker", "container", "podman", "kube", "k8s", "pod", "singularity", "apptainer", "@", "image", "nvidia/", "nvcr",
    "nvidia release", "driver was not", "nvidia.com", "exited with",
)  # fmt: skip


def container_facts(lines: Sequence[Line], most: int, source: str) -> Iterator[Stated]:
    """State the runtime of the container that it happens in, its image, and whether it was given GPUs.

    At most so many lines are looked at which have a word for it.
    """
    telling = (line for line in lines if _may_tell(line.text[:LONGEST]))
    for line in islice(telling, most):
        yield from _of_line(line.text[:LONGEST], line.number, source)


def _may_tell(text: str) -> bool:
    lower = text.lower()
    return any(sign in lower for sign in _SIGNS)


def _of_line(text: str, number: int, source: str) -> Iterator[Stated]:
    if _SUPPOSED.search(text):
        return
    run, shut = _RUN.search(text), _SINGULARITY.search(text)
    image = IMAGE.search(text) or _NAMED_IMAGE.search(text)
    if run:
        runtime: str | None = "podman" if run["tool"] == "podman" else "docker"
        if run["verb"] in ("run", "create") and run["tool"] != "docker-compose":
            given = run["tool"] == "nvidia-docker" or bool(_GPUS.search(run["rest"]))
            yield Stated("said.container_gpus", Known(given, source), number)
            image = image or _ANY_IMAGE.search(run["rest"])
    elif shut:
        runtime = "singularity"
        yield Stated("said.container_gpus", Known("--nv" in shut["rest"], source), number)
    else:
        runtime = _told(text)
    if runtime:
        yield Stated("container.runtime", Known(runtime, source), number)
        if image:
            yield Stated("said.image", Known(strip_credentials(image["image"]), source), number)


def _told(text: str) -> str | None:
    """Return the runtime in which it happens, where words, a prompt or the banner of an image tell."""
    if _NAMED_IMAGE.search(text):
        return "docker"
    if _PODS.search(text):
        return "kubernetes"
    if _PROMPT.match(text) or _COMPOSE.match(text) or _BANNER.match(text.strip()):
        return "docker"
    within = _WITHIN.search(text) or _LISTED.match(text)
    if within is None:
        return None
    before, behind = text[: within.start()], text[within.end() :]
    if not _BUT_NOT.search(before) and (_NOT.search(before) or _WORKS_THERE.match(behind)):
        return None
    lower = text.lower()
    return next((name for name in ("podman", "singularity", "kubernetes") if name in lower), "docker")
