"""From the files of a page and the METADATA of a wheel to the values that a cell of the matrix holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.matrix.reading import CPU
from envdoctor.matrix.versions import minor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.requirements import Requirement

    from envdoctor.model.machine import Capability
    from envdoctor.published.files import PublishedFile
    from envdoctor.published.wheel import WheelContents


@dataclass(frozen=True, slots=True)
class Kernels:
    """The compute capabilities a wheel carries machine code and PTX for."""

    sass: tuple[Capability, ...]
    ptx: tuple[Capability, ...]


class Triton(NamedTuple):
    """The triton a wheel pins on Linux ("~=3.8.0"), and the Python below which it does ("3.15", None for all)."""

    specifier: str
    python_below: str | None


class Toolkit(NamedTuple):
    """The CUDA of a wheel; `exact` where the patch release is told too, as `cuda-toolkit==13.0.3` does."""

    version: str
    exact: bool


_MARKERS = {
    "linux-x86_64": ("linux", "Linux", "x86_64", "posix"),
    "linux-aarch64": ("linux", "Linux", "aarch64", "posix"),
    "windows-x86_64": ("win32", "Windows", "AMD64", "nt"),
    "macos-arm64": ("darwin", "Darwin", "arm64", "posix"),
    "macos-x86_64": ("darwin", "Darwin", "x86_64", "posix"),
}


def python_tags(files: Iterable[PublishedFile]) -> tuple[str, ...]:
    """The Python tags of some files, oldest first, free-threaded ones after their own; `py2` counts for nothing."""
    return tuple(sorted({tag for file in files for tag in file.pythons if tag != "py2"}, key=_python_order))


def _python_order(tag: str) -> tuple[int, int, bool, str]:
    number = re.fullmatch(r"[a-z]+(\d)(\d*)t?", tag, re.ASCII)
    return (int(number[1]), int(number[2] or 0), tag.endswith("t"), tag) if number else (9, 0, False, tag)


def platform_tags(files: Iterable[PublishedFile]) -> tuple[str, ...]:
    """The platform tags of some files, sorted."""
    return tuple(sorted({tag for file in files for tag in file.platform_tags}))


def released(files: Iterable[PublishedFile]) -> str | None:
    """The day of the earliest file, ISO 8601; None where the page tells none."""
    return min((file.uploaded[:10] for file in files if file.uploaded), default=None)


def withdrawn(files: Iterable[PublishedFile]) -> str | None:
    """Why a release was withdrawn; None where one of its files was not."""
    reasons = [file.yanked for file in files]
    return None if not reasons or None in reasons else next((reason for reason in reasons if reason), "no reason given")


def channel(contents: WheelContents) -> str:
    """The channel of a build of torch: its local version, else the CUDA it names, else the CPU build."""
    local = contents.version.partition("+")[2].split(".")[0]
    if re.fullmatch(r"cpu|cu\d{2,3}", local, re.ASCII):
        return local
    return CPU if contents.cuda is None else "cu{}{}".format(*minor(contents.cuda))


def toolkit(contents: WheelContents, platform: str) -> Toolkit | None:
    """The CUDA of a wheel of torch; None for a CPU build."""
    if contents.cuda is None:
        return None
    pinned = _pinned(contents, r"cuda-toolkit", platform)
    return Toolkit(pinned or contents.cuda, pinned is not None or contents.cuda.count(".") > 1)


def library(contents: WheelContents, name: str, platform: str) -> str | None:
    """The version of NVIDIA's library `name` ("cudnn", "nccl") that a wheel pins; None where it pins none."""
    return _pinned(contents, rf"nvidia-{name}(-cu\d+)?", platform)


def _pinned(contents: WheelContents, name: str, platform: str) -> str | None:
    for requirement in _required(contents.requires):
        if re.fullmatch(name, requirement.name) and _holds_on(requirement, platform):
            pin = re.fullmatch(r"==(\d{1,9}(?:\.\d{1,9}){0,5})", str(requirement.specifier), re.ASCII)
            if pin:
                return pin[1]
    return None


def triton(contents: WheelContents) -> Triton | None:
    """The triton that torch asks for on Linux."""
    for requirement in _required(contents.requires):
        # Python 3.0, so that the bound itself, which is asked for here, holds.
        if requirement.name == "triton" and _holds_on(requirement, "linux-x86_64", python="3.0"):
            below = re.search(r'python_version < "([\d.]+)"', str(requirement.marker or ""))
            return Triton(str(requirement.specifier), below[1] if below else None)
    return None


def torch_requirement(contents: WheelContents) -> str | None:
    """What a partner asks of torch ("==2.14.0", "" for any); None where its METADATA does not name torch."""
    for requirement in _required(contents.requires):
        if requirement.name == "torch":
            return str(requirement.specifier)
    return None


def kernels(contents: WheelContents) -> Kernels | None:
    """The architecture list; None where it was not read."""
    return None if contents.sass is None else Kernels(tuple(sorted(contents.sass)), tuple(sorted(contents.ptx or ())))


@lru_cache(maxsize=256)
def _required(lines: tuple[str, ...]) -> tuple[Requirement, ...]:
    """The requirements of a wheel without those of extras; a line that nobody can read is left out."""
    from packaging.requirements import InvalidRequirement, Requirement

    found = []
    for line in lines:
        try:
            requirement = Requirement(line)
        except (InvalidRequirement, RecursionError):  # the latter for thousands of brackets
            continue
        if not re.search(r"\bextras?\b", str(requirement.marker or "")):
            found.append(requirement)
    return tuple(found)


def _holds_on(requirement: Requirement, platform: str, python: str | None = None) -> bool:
    """Whether a requirement counts on a platform; `python` stands in for the one that runs this."""
    from packaging.markers import UndefinedComparison

    if requirement.marker is None:
        return True
    names = ("sys_platform", "platform_system", "platform_machine", "os_name")
    asked = dict(zip(names, _MARKERS[platform], strict=True))
    try:
        return requirement.marker.evaluate(asked | ({"python_version": python} if python else {}))
    except UndefinedComparison:  # python_version ~= "3" compares nothing
        return False
