"""What the matrix knows of releases, as demands ask for it: versions, builds, partners."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.matrix.remember import remembered
from envdoctor.matrix.versions import minor, parts
from envdoctor.rules.declared.bounds import FAR, Bounds, Demand, admits, demand, read, together

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import Partner, Release
    from envdoctor.model.declared import Image, Requirement

PARTNERS = ("torchvision", "torchaudio")

PYTORCH_IMAGE = r"(?:docker\.io/)?pytorch/pytorch:v?(\d{1,3}\.\d{1,3}(?:\.\d{1,3})?)-(?:cuda|cpu)\S{0,100}"

BUILD = r"cpu|xpu|cu\d{2,3}|rocm[\d.]{1,8}"
"""Local parts of the published builds; another one is somebody's own."""


def wanted(matrix: Matrix, requirements: Iterable[Requirement]) -> Demand | None:
    """Return what demands on one distribution leave of its releases.

    None where it is open: nothing is demanded, a variable or an own build hides it, or no release known meets it.
    """
    listed = list(requirements)
    specifier = together(one.specifier for one in listed)
    if not listed or specifier is None:
        return None
    found = demand(specifier, known(matrix, listed[0].name))
    if found is None or not found.releases:
        return None
    return found if is_published(found.bounds) else None


def is_published(bounds: Bounds) -> bool:
    """Whether bounds name no build, or one as the published builds are named."""
    return bounds.local is None or re.fullmatch(BUILD, bounds.local, re.ASCII) is not None


@remembered()
def known(matrix: Matrix, name: str) -> tuple[str, ...]:
    """Return every release known of torch or a partner, oldest first."""
    if name == "torch":
        return (*matrix.past_versions, *matrix.versions)
    versions = {*matrix.past_partners.get(name, {}), *matrix.partners.get(name, {})}
    return tuple(sorted(versions, key=parts))


def release(matrix: Matrix, version: str) -> Release | None:
    """Return a release of torch, also of history."""
    found = matrix.release(version)
    return found or next((one for one in matrix.past_releases if one.version == version), None)


@remembered()
def channels(matrix: Matrix, version: str) -> tuple[str, ...]:
    """Return the channels that hold a release of torch, CUDA ones first, in the order of the file."""
    return tuple(dict.fromkeys(wheel.channel for wheel in matrix.wheels(version)))


@remembered()
def cuda_channels(matrix: Matrix, version: str) -> tuple[str, ...]:
    """Return the CUDA channels that hold a release of torch ("cu126"), lowest first."""
    return tuple(one for one in channels(matrix, version) if one.startswith("cu"))


@remembered()
def all_cuda_channels(matrix: Matrix) -> frozenset[str]:
    """Return every CUDA channel that any release was published for."""
    return frozenset(one for version in known(matrix, "torch") for one in cuda_channels(matrix, version))


def cuda_of(channel: str) -> str:
    """Return "12.6" for "cu126" and "9.2" for "cu92"."""
    digits = channel.removeprefix("cu")
    return f"{digits[:-1]}.{digits[-1]}"


def channel_of(cuda: str) -> str:
    """Return "cu126" for "12.6" and "12.6.3"; raises `NotAVersion`."""
    return "cu{}{}".format(*minor(cuda))


def default_channel(matrix: Matrix, version: str) -> str | None:
    """Return the channel that an install without an index gets on Linux; None where it is not known."""
    row = release(matrix, version)
    return row.default_channel.get("linux-x86_64") if row else None


def nearest_channel(matrix: Matrix, version: str, written: str) -> str | None:
    """Return the channel of a release that is nearest to the one written, None where it has no CUDA channel.

    Of the same CUDA major the lowest that is not below it, else the highest; of another major the default build's.
    """
    held = cuda_channels(matrix, version)
    if not held:
        return None
    if re.fullmatch(r"cu\d{2,3}", written, re.ASCII):
        here = minor(cuda_of(written))
        alike = sorted((cuda, one) for one in held if (cuda := minor(cuda_of(one)))[0] == here[0])
        if alike:
            return next((one for cuda, one in alike if cuda >= here), alike[-1][1])
    default = default_channel(matrix, version)
    return default if default in held else held[-1]


def nearest_of(matrix: Matrix, versions: tuple[str, ...], written: str) -> tuple[str, str | None]:
    """Return the newest of several releases that has a channel of the CUDA major written, else the newest; and it.

    `versions` are releases that are known, at least one, oldest first.
    """
    for version in reversed(versions):
        if any(
            one.removeprefix("cu")[:-1] == written.removeprefix("cu")[:-1] for one in cuda_channels(matrix, version)
        ):
            return version, nearest_channel(matrix, version, written)
    return versions[-1], nearest_channel(matrix, versions[-1], written)


def and_(words: Sequence[str]) -> str:
    """Join words as a sentence does."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else "no CUDA channel"


def torch_of(matrix: Matrix, name: str, version: str) -> str | None:
    """Return what a release of a partner asks of torch ("==2.6.0", ">=2.14.0", "" for nothing), without local parts."""
    row = partner(matrix, name, version)
    bounds = read(row.torch) if row else None
    return bounds.text if bounds else None


def partner(matrix: Matrix, name: str, version: str) -> Partner | None:
    """Return a release of a partner."""
    return matrix.partner(name, version)


@remembered()
def first_torch_of(matrix: Matrix, name: str, version: str) -> str | None:
    """Return the oldest torch whose partner of that day is this release; None where there is none."""
    for torch in known(matrix, "torch"):
        if partner_of(matrix, name, torch) == version:
            return torch
    return None


def partner_of(matrix: Matrix, name: str, torch: str) -> str | None:
    """Return the partner that was released with a torch; None where there was none."""
    row = release(matrix, torch)
    return {"torchvision": row.torchvision, "torchaudio": row.torchaudio}[name] if row else None


def partner_for(matrix: Matrix, name: str, torch: str) -> str | None:
    """Return the partner to install beside a torch: that of the same day, else the last one that pins no torch."""
    own = partner_of(matrix, name, torch)
    if own is not None:
        return own
    last = known(matrix, name)[-1:]
    return last[0] if last and fits(matrix, name, torch, last[0]) else None


@remembered()
def fits(matrix: Matrix, name: str, torch: str, version: str) -> bool:
    """Whether a release of a partner goes with a release of torch, by what its METADATA asks.

    One that asks for nothing goes with the torch of its day and later ones, for which it was compiled; those of the
    days of torch 0.4 and 1.0 held Python alone and go with any.
    """
    asked = torch_of(matrix, name, version)
    if asked is None:
        return False
    if asked:
        return admits(asked, torch) and (asked.startswith("==") or _share_a_python(matrix, name, torch, version))
    first = first_torch_of(matrix, name, version) if version in matrix.partners.get(name, {}) else None
    return first is None or parts(first) <= parts(torch)


def _share_a_python(matrix: Matrix, name: str, torch: str, version: str) -> bool:
    """Whether there is a Python that both have wheels for, or may have: torchvision 0.3 accepts any later torch."""
    row, own = release(matrix, torch), partner(matrix, name, version)
    tags = {tag for tags in row.pythons.values() for tag in tags} if row else set()
    return own is None or not tags or any(own.has_wheel_for(tag) for tag in tags)


def goes_beyond(matrix: Matrix, name: str, version: str) -> bool:
    """Whether a release of a partner goes with torch newer than the matrix."""
    asked = torch_of(matrix, name, version)
    return asked is not None and admits(asked, FAR)


def torch_of_image(image: Image | None) -> str | None:
    """Return the torch in an image of PyTorch's ("2.1.0"); None for another image."""
    found = re.fullmatch(PYTORCH_IMAGE, image.reference, re.ASCII) if image else None
    return found[1] if found else None
