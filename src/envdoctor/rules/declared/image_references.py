"""What an image reference names: its registry, repository and tag, and the parts of the tags that are judged."""

from __future__ import annotations

import re
from typing import NamedTuple

HUB = ("", "docker.io", "index.docker.io", "registry.hub.docker.com", "registry-1.docker.io")
"""Docker Hub by its names; "" where a reference names no registry."""

MIRRORS = ("mirror.gcr.io", "docker.m.daocloud.io", "dockerproxy.com", "docker.1ms.run", "docker.nju.edu.cn")
"""Registries that hold what Docker Hub holds, under the same names."""

_DIGEST = re.compile(r"@[A-Za-z0-9_+.-]{1,20}:[0-9a-fA-F]{1,140}\Z")
_REGISTRY = re.compile(r"[^/]*[.:][^/]*|localhost")
_TAG = re.compile(r"[A-Za-z0-9_][\w.-]{0,127}", re.ASCII)

_TORCH = re.compile(
    r"(\d+\.\d+(?:\.\d+)?)(?:-cuda(\d+\.\d+(?:\.\d+)?))?(?:-cudnn(\d))?(?:-(runtime|devel))?(?:-(?:ubuntu|debian)[\d.]*)?"
)
"""With a system at its end, as tags of nvidia/cuda have one: people put it there, and no tag of PyTorch's has one."""

_CUDA = re.compile(
    r"(\d+\.\d+(?:\.\d+)?)((?:-(?:cudnn\d*|base|runtime|devel))*)(?:-((?:ubuntu|debian|centos|rockylinux|ubi|alpine|"
    r"oraclelinux|amzn|opensuse|fedora|cm|azl)[\d.]*))?"
)


class Reference(NamedTuple):
    """`registry/repository:tag`; `tag` is "" where none is named, and `pinned` where a digest says which it is."""

    registry: str
    repository: str
    tag: str
    pinned: bool


class TorchTag(NamedTuple):
    """The parts of a tag of pytorch/pytorch, "" for those it has not."""

    torch: str
    cuda: str
    cudnn: str
    kind: str


class CudaTag(NamedTuple):
    """The parts of a tag of nvidia/cuda, "" for those it has not; `in_order` where they stand as NVIDIA puts them."""

    cuda: str
    cudnn: str
    flavour: str
    system: str
    in_order: bool


def reference_of(text: str) -> Reference | None:
    """Return the parts of a reference, None where it is none, as one with a variable in it."""
    digest = _DIGEST.search(text)
    name = text[: digest.start()] if digest else text
    path, _, tag = name.rpartition(":")
    if "/" in tag or not path:
        path, tag = name, ""
    if (tag and not _TAG.fullmatch(tag)) or not re.fullmatch(r"[\w./:-]{1,300}", path, re.ASCII):
        return None
    head, _, rest = path.partition("/")
    registry = head if rest and _REGISTRY.fullmatch(head) else ""
    return Reference(registry, (rest if registry else path).removeprefix("library/"), tag, digest is not None)


def on_the_hub(reference: Reference) -> str | None:
    """Return the repository on Docker Hub that a reference means, through a mirror too, None where it means another."""
    if reference.registry in (*HUB, *MIRRORS):
        return reference.repository
    inner = re.search(r"(?:^|/)docker\.io/(.+)", reference.repository)
    return inner[1] if inner else None


def torch_tag(tag: str) -> TorchTag | None:
    """Return the parts of a tag of pytorch/pytorch that has the form of a release's."""
    match = _TORCH.fullmatch(tag)
    return TorchTag(*(part or "" for part in match.groups())) if match else None


def cuda_tag(tag: str) -> CudaTag | None:
    """Return the parts of a tag of nvidia/cuda that has the form of a release's, in whatever order its words stand."""
    match = _CUDA.fullmatch(tag)
    if not match:
        return None
    words = [word for word in match[2].split("-") if word]
    cudnn = [word for word in words if word.startswith("cudnn")]
    flavours = [word for word in words if not word.startswith("cudnn")]
    if len(cudnn) > 1 or len(flavours) > 1:
        return None
    in_order = words == cudnn + flavours
    return CudaTag(match[1], "".join(cudnn), "".join(flavours), match[3] or "", in_order)
