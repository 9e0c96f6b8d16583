"""One wheel as a page of an index lists it, and what its file name says."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A wheel on an index.

    `version` is the public version and `local` what follows its plus sign ("cu126"). `pythons` are the tags of the
    Pythons it is for ("cp312", "cp313t" for a free-threaded one, "py3", "cp310-abi3"), `platform` is a platform of the
    matrix or None for any other, `platform_tags` are those of the name, a compressed set split. `yanked` is the reason
    for which it was withdrawn ("" where none is given), None where it was not. `uploaded` is a day (ISO 8601, as the
    page tells it), `sha256` 64 small hexadecimal digits; both, and `requires_python`, are None where the page does not
    tell. `metadata` says that the index serves its METADATA apart (PEP 658).
    """

    project: str
    filename: str
    url: str = field(repr=False)  # its query may be what opens it: never printed
    version: str
    local: str | None
    pythons: tuple[str, ...]
    platform: str | None
    platform_tags: tuple[str, ...]
    requires_python: str | None = None
    yanked: str | None = None
    uploaded: str | None = None
    sha256: str | None = None
    metadata: bool = False


class Name(NamedTuple):
    """What the file name of a wheel says; the fields are those of `PublishedFile`."""

    project: str
    version: str
    local: str | None
    pythons: tuple[str, ...]
    platform: str | None
    platform_tags: tuple[str, ...]


def read_name(filename: str) -> Name | None:
    """Read the file name of a wheel (binary distribution format, "File name convention"); None for any other."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename
    from packaging.version import InvalidVersion

    try:
        project, version, _, tags = parse_wheel_filename(filename)
    except (InvalidWheelFilename, InvalidVersion):
        return None
    platform_tags = tuple(sorted({tag.platform for tag in tags}))
    platforms = {platform_of(tag) for tag in platform_tags}
    return Name(
        project=project,
        version=version.public,
        local=version.local,
        pythons=tuple(sorted({_python(tag.interpreter, tag.abi) for tag in tags})),
        platform=platforms.pop() if len(platforms) == 1 else None,
        platform_tags=platform_tags,
    )


def platform_of(tag: str) -> str | None:
    """Return the platform of the matrix that a platform tag belongs to; None for any other, and for "any"."""
    if tag == "win_amd64":
        return "windows-x86_64"
    match = re.fullmatch(r"(?:many)?(linux)(?:_?\d+)*_(x86_64|aarch64)|(macos)x_\d+_\d+_(arm64|x86_64)", tag, re.ASCII)
    return "-".join(part for part in match.groups() if part) if match else None


def _python(interpreter: str, abi: str) -> str:
    if abi == "abi3":
        return f"{interpreter}-abi3"
    # Of the letters an ABI may end with ("cp27mu", "cp37m"), "t" alone makes another Python.
    return f"{interpreter}t" if abi == f"{interpreter}t" else interpreter
