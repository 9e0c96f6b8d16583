"""How the PyTorch wheel index lays out its channels and names their builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.conda import CONDA_FORGE
from envdoctor.matrix.versions import parts

if TYPE_CHECKING:
    from envdoctor.model.layout import Layout

BASE = "https://download.pytorch.org/whl"
"""Root of the PyTorch wheel index; a mirror of it has the same channels below its own root."""

ONE_PAGE = "torch_stable.html"
"""The page of links to the wheels of all channels that the PyTorch index, and a mirror of it, has at its root."""

FIRST_TAGGED_ON_ARM = {"torch": (2, 6), "torchvision": (0, 25), "torchaudio": (2, 11)}
"""The release from which the Linux wheels for Arm name their channel, "+cpu" and "+cu126" alike.

Sources: URLs of the wheel index in public repositories. torch 2.5.1 (cu124) has no tag, 2.6.0 (cu126) has one;
torchvision 0.20.1 (cu124), 0.21.0 (cu126), 0.22.0 (cu128) and 0.24.1 (cu128, cu130, cpu) have none, 0.25.0 (cpu, cu130)
and 0.26.0 (cu130) have one; torchaudio 2.6.0, 2.8.0, 2.9.1 and 2.10.0 (cpu) have none, 2.11.0 (cu130) has one.
"""


def index_url(base: str, channel: str, platform: str) -> str | None:
    """Return the index of a channel; None where the only builds are on the package index (macOS) or conda's."""
    return None if platform.startswith("macos") or channel == CONDA_FORGE else f"{base.rstrip('/')}/{channel}"


def links_url(base: str, channel_url: str, layout: Layout) -> str | None:
    """Return what is handed over as find-links for the channel at `channel_url`; None for a page a project.

    A folder ends with a slash: links on its page are relative, and poetry and pip take other addresses for files.
    """
    if layout == "projects":
        return None
    return f"{channel_url}/" if layout == "flat" else f"{base.rstrip('/')}/{ONE_PAGE}"


def local_version(release: str, channel: str, platform: str, package: str = "torch") -> str:
    """Return the local part of a build's version, plus sign included; empty where it has none.

    `release` is that of `package`: torch, torchvision or torchaudio.
    """
    if platform.startswith("macos") or channel == CONDA_FORGE:
        return ""
    if platform == "linux-aarch64" and parts(release) < FIRST_TAGGED_ON_ARM[package]:
        return ""
    return f"+{channel}"


def exactly(package: str, release: str, channel: str, platform: str) -> str:
    """Return the requirement that names a build as nearly as a version can: "torch==2.14.0+cu126"."""
    return f"{package}=={release}{local_version(release, channel, platform, package)}"
