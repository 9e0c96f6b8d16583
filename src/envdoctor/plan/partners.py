"""Which torchvision and torchaudio go with a torch build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.versions import parts

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import Release, Wheel

COMPILED_PARTNERS = ("torchvision", "torchaudio")


def partner_version(matrix: Matrix, name: str, release: Release, wheel: Wheel) -> str | None:
    """Return the release of a partner to install beside a build: that of the same day, else an open one.

    Open is a partner whose METADATA names no torch at all, as torchaudio 2.11.0, the last of its kind: it goes with
    any later torch, on the channels of the torch it was released with. None where there is neither.
    """
    own = {"torchvision": release.torchvision, "torchaudio": release.torchaudio}[name]
    if own is not None:
        return own
    for other in reversed(matrix.releases):
        version = {"torchvision": other.torchvision, "torchaudio": other.torchaudio}[name]
        row = matrix.partner(name, version) if version else None
        if row is None or row.torch != "" or parts(other.version) > parts(release.version):
            continue
        if matrix.wheel(other.version, wheel.channel, wheel.platform) is not None:
            return version
    return None
