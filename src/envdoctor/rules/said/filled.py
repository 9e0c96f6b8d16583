"""A paste's machine with what it leaves open filled in, for rules that would not decide for want of small things.

The metadata of a partner is told by no paste, and most do not name the system. What a judge finds with these filled in
is an inference, and it stands only where it is the same on every system that the paste leaves open.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known
from envdoctor.model.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import Release

RULES = frozenset(
    {"driver-too-old", "driver-too-old-for-gpu", "gpu-arch-not-in-wheel", "gpu-arch-dropped", "cpu-only-build",
     "torch-torchvision-mismatch", "torch-torchaudio-mismatch", "macos-too-old-for-mps", "glibc-too-old", "numpy2-abi",
     "triton-mismatch", "mixed-cu-packages", "x86-python-on-apple-silicon"}
)  # fmt: skip
"""Rules that are asked again with what a paste leaves open filled in."""

NOT_TOLD = Absent("the paste does not tell")

SYSTEMS: tuple[dict[str, Fact], ...] = (
    {"host.os": Known("linux", "assumed"), "host.platform": Known("linux-x86_64", "assumed")},
    {"host.os": Known("windows", "assumed"), "host.platform": Known("windows-x86_64", "assumed")},
)

METADATA = (
    "torchvision.requires", "torchaudio.requires", "torch.requires", "torch.wheel_tags", "torch.channel", "torch.hip",
    "torch.provenance", "driver.trouble", "driver.cuda_version", "host.l4t", "host.libc", "host.wsl", "cuda.compat",
    "cuda.library_version", "python.tag", "nvidia.clashes", "libraries.undefined", "libraries.missing",
)  # fmt: skip
"""Facts that no paste tells unless it matters: taken as absent."""


def machines(machine: Machine, matrix: Matrix) -> Iterator[Machine]:
    """Yield the machine as it would be on each system that the paste leaves open."""
    systems = SYSTEMS if "host.platform" not in machine.snapshot.facts else ({},)
    for system in systems:
        facts = {**system, **_open(machine)}
        platform = facts.get("host.platform", machine.snapshot["host.platform"])
        name = platform.value if isinstance(platform, Known) else ""
        if "host.kind" not in machine.snapshot.facts:
            facts["host.kind"] = Known({"windows-x86_64": "windows"}.get(str(name), "bare"), "assumed")
        if "gpu.count" not in machine.snapshot.facts and machine.told("driver.version") is not None:
            facts |= {"gpu.count": Known(1, "its driver is there"), "gpu.visible": Known([0], "its driver is there")}
        facts |= _default_build(machine, matrix, str(name))
        facts |= _pinned_triton(machine, matrix, str(name))
        yield Machine(machine.snapshot.having(facts), machine.wishes)


def _open(machine: Machine) -> dict[str, Fact]:
    return {name: NOT_TOLD for name in METADATA if name not in machine.snapshot.facts}


def _default_build(machine: Machine, matrix: Matrix, platform: str) -> dict[str, Fact]:
    """Return the build that a plain install gives, where a release without any more is told."""
    version = machine.told("torch.version")
    release = release_of(matrix, version) if version and "+" not in version else None
    if release is None:
        return _asked_nightly(machine)
    facts: dict[str, Fact] = {"torch.version": Known(release.version, "torch.version, in full")}
    if "torch.cuda" in machine.snapshot.facts:
        return facts
    channel = _asked_channel(machine) or release.default_channel.get(platform)
    if channel in (None, "cpu"):  # with CUDA in doubt, of a build with CUDA
        channel = release.default_channel.get("linux-x86_64")
    wheel = next((one for one in matrix.wheels(release.version) if one.channel == channel and one.cuda), None)
    if wheel is not None and wheel.cuda is not None:
        told = f"the build that this install of torch {release.version} gives"
        facts |= {"torch.cuda": Known(wheel.cuda, told), "torch.channel": Known(wheel.channel, told)}
    return facts


def _asked_nightly(machine: Machine) -> dict[str, Fact]:
    """Return the CUDA that was asked for with a nightly build, where the version does not tell it."""
    version, channel = machine.told("torch.version") or "", _asked_channel(machine)
    if ".dev" not in version or "+" in version or channel is None or "torch.cuda" in machine.snapshot.facts:
        return {}
    told = "the CUDA that was asked for"
    return {"torch.cuda": Known(f"{channel[2:-1]}.{channel[-1]}", told), "torch.channel": Known(channel, told)}


def _pinned_triton(machine: Machine, matrix: Matrix, platform: str) -> dict[str, Fact]:
    """Return what a published torch for Linux requires of triton, where its metadata is not told."""
    version = (machine.told("torch.version") or "").partition("+")[0]
    release = matrix.release(version) if version.count(".") == 2 else None
    if platform != "linux-x86_64" or release is None or release.triton is None:
        return {}
    if "torch.requires" in machine.snapshot.facts or not re.fullmatch(
        r"(?:cu\d{2,3})?", machine.told("torch.local") or ""
    ):
        return {}
    python = re.match(r"3\.(\d{1,2})", machine.told("python.version") or "")
    below = re.match(r"3\.(\d{1,2})", release.triton_python_below or "")
    if python and below and int(python[1]) >= int(below[1]):
        return {}
    return {"torch.requires": Known([f"triton{release.triton}"], f"torch {version}, as it was published")}


def _asked_channel(machine: Machine) -> str | None:
    """Return the channel that a command of the paste asks for: by an index, a local version or conda's packages."""
    for row in machine.snapshot.known_rows("said.installs"):
        found = re.search(r"(?:cudatoolkit|pytorch-cuda)==?(\d{1,2})\.(\d)|[/+]cu(\d{2})(\d)\b", str(row))
        if found:
            return f"cu{found[1] or found[3]}{found[2] or found[4]}"
    return None


def release_of(matrix: Matrix, version: str) -> Release | None:
    """Return a release that the matrix knows, be it of the past; the last number may be left out as people do."""
    full = version if version.count(".") >= 2 else f"{version}.0"
    past = (one for one in matrix.past_releases if one.version == full)
    return matrix.release(full) or next(past, None)
