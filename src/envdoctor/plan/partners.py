"""Which torchvision and torchaudio go with a torch build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.remember import remembered
from envdoctor.matrix.versions import parts

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import Release, Wheel

COMPILED_PARTNERS = ("torchvision", "torchaudio")


def partner_version(
    matrix: Matrix, name: str, release: Release, wheel: Wheel, python_tag: str | None = None
) -> str | None:
    """Return the release of a partner to install beside a build: that of the same day, else an open one.

    Open is a partner whose METADATA names no torch at all, as torchaudio 2.11.0, the last of its kind: it goes with
    any later torch, on the channels of the torch it was released with. None where there is neither, or where it has no
    wheel for the Python of that tag ("cp313t").
    """
    version = _beside(matrix, name, release.version, wheel.channel, wheel.platform)
    row = matrix.partner(name, version) if version else None
    if row is None or python_tag is None or row.has_wheel_for(python_tag):
        return version
    return None


@remembered()
def _beside(matrix: Matrix, name: str, torch: str, channel: str, platform: str) -> str | None:
    """Return the partner release beside torch `torch` on a channel of a platform."""
    for other in reversed(matrix.releases):
        version = {"torchvision": other.torchvision, "torchaudio": other.torchaudio}[name]
        if version is None or parts(other.version) > parts(torch):
            continue
        if other.version == torch:
            return version
        row = matrix.partner(name, version)
        if row is not None and row.torch == "" and matrix.wheel(other.version, channel, platform) is not None:
            return version
    return None
