"""How the PyTorch wheel index lays out its channels and names their builds."""

from __future__ import annotations

from envdoctor.matrix.versions import parts

BASE = "https://download.pytorch.org/whl"
"""Root of the PyTorch wheel index; a mirror of it has the same channels below its own root."""

FIRST_AARCH64_CPU_TAG = (2, 6)
"""From 2.6.0 on the aarch64 CPU wheels carry +cpu (torch_dunder_version in the published wheels)."""


def index_url(base: str, channel: str, platform: str) -> str | None:
    """Return the index of a channel; None where the platform's only builds are on the package index (macOS)."""
    return None if platform.startswith("macos") else f"{base.rstrip('/')}/{channel}"


def local_version(release: str, channel: str, platform: str) -> str:
    """Return the local part of a build's version, plus sign included; empty where it has none."""
    if platform.startswith("macos"):
        return ""
    if channel == "cpu" and platform == "linux-aarch64" and parts(release) < FIRST_AARCH64_CPU_TAG:
        return ""
    return f"+{channel}"
