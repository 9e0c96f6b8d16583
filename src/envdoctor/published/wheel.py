"""What a published wheel says of itself: METADATA, torch/version.py, and the architectures it was compiled for."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from envdoctor.probes.installed import version_file
from envdoctor.published.extra import require
from envdoctor.published.kernels import LIBRARIES, find_kernels
from envdoctor.published.remote import MOST_BYTES, member, opened
from envdoctor.published.unreachable import Unreachable

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Mapping

    from envdoctor.model.machine import Capability
    from envdoctor.published.files import PublishedFile
    from envdoctor.published.session import Session

ROOM = "wheels-1"
"""Where contents are remembered; the number changes with what is read or how."""

METADATA_BYTES = 4 * 1024 * 1024
VERSION_BYTES = 64 * 1024
CUDA = re.compile(r"\d{1,3}(\.\d{1,4}){1,2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class WheelContents:
    """What was read in one wheel.

    `version` is `__version__` of torch/version.py with its local part ("2.14.0+cu130"), for any other project the
    Version of METADATA. `requires` are the Requires-Dist lines as they stand. `cuda` is that of torch/version.py
    ("13.0"), None for a build without CUDA. `sass` and `ptx` are the compute capabilities with machine code and with
    PTX, both empty for a build of torch without CUDA; None where they were not asked for, or the library does not
    tell.
    """

    version: str
    requires_python: str | None
    requires: tuple[str, ...]
    cuda: str | None
    sass: tuple[Capability, ...] | None = None
    ptx: tuple[Capability, ...] | None = None


def read(file: PublishedFile, session: Session, *, architectures: bool) -> WheelContents:
    """Read a wheel in part, or remember it by its hash. Raises `Unreachable` and `MissingExtra`.

    `architectures` asks for `sass` and `ptx` too, which costs about 10 MB; they are torch's alone.
    """
    require()
    wanted = architectures and file.project == "torch"
    remembered = session.store.get(ROOM, file.sha256) if file.sha256 else None
    if remembered and (remembered.get("architectures") is True or not wanted):
        contents = _decoded(remembered)
        if contents is not None:
            return contents if wanted else replace(contents, sass=None, ptx=None)
    contents = _read(file, session, wanted)
    if file.sha256:
        session.store.put(ROOM, file.sha256, asdict(contents) | {"architectures": wanted})
    return contents


def _read(file: PublishedFile, session: Session, architectures: bool) -> WheelContents:
    if file.metadata and file.project != "torch":
        parts = urlsplit(file.url)  # PEP 658: ".metadata" after the path, whatever query opens it
        url = urlunsplit(parts._replace(path=f"{parts.path}.metadata"))
        return _of_metadata(session.whole(url, METADATA_BYTES), file)
    with opened(file.url, session) as archive:
        contents = _of_metadata(_metadata(archive, file), file)
        if file.project != "torch":
            return contents
        said = version_file.parse(
            (member(archive, "torch/version.py", VERSION_BYTES) or b"").decode("utf-8", "replace")
        )
        if said.version is None or "cuda" not in said.told or not CUDA.fullmatch(said.cuda or "0.0"):
            raise Unreachable("holds no torch/version.py that tells its version and CUDA")
        contents = replace(contents, version=said.version, cuda=said.cuda)
        if architectures and said.hip is None:
            contents = _with_kernels(contents, archive)
        return contents


def _metadata(archive: zipfile.ZipFile, file: PublishedFile) -> bytes:
    names = [name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)]
    said = member(archive, names[0], METADATA_BYTES) if len(names) == 1 else None
    if said is None:
        raise Unreachable(f"holds {len(names) or 'no'} METADATA files where a wheel of {file.project} has one")
    return said


def _of_metadata(text: bytes, file: PublishedFile) -> WheelContents:
    from packaging.metadata import parse_email
    from packaging.version import InvalidVersion, Version

    said, _ = parse_email(text)
    version = said.get("version")
    if not version:
        raise Unreachable("holds METADATA without a version")
    try:
        same = Version(version).public == file.version
    except InvalidVersion:
        same = False
    if not same:
        raise Unreachable("holds METADATA of another release than its name says")
    return WheelContents(version, said.get("requires_python"), tuple(said.get("requires_dist", ())), None)


def _with_kernels(contents: WheelContents, archive: zipfile.ZipFile) -> WheelContents:
    if contents.cuda is None:
        return replace(contents, sass=(), ptx=())
    for name in LIBRARIES:
        library = member(archive, name, MOST_BYTES)
        if library is not None:
            found = find_kernels(library)
            return replace(contents, sass=found.sass, ptx=found.ptx) if found else contents
    return contents


def _decoded(said: Mapping[str, object]) -> WheelContents | None:
    """Read an entry of the store; None for one that is damaged."""
    version, python, requires, cuda = (said.get(name) for name in ("version", "requires_python", "requires", "cuda"))
    if not isinstance(version, str) or not isinstance(requires, list):
        return None
    if not all(isinstance(line, str) for line in requires):
        return None
    try:
        sass, ptx = _capabilities(said["sass"]), _capabilities(said["ptx"])
        return WheelContents(version, _text(python), tuple(requires), _text(cuda), sass, ptx)
    except (KeyError, TypeError, ValueError):
        return None


def _text(said: object) -> str | None:
    if not (said is None or isinstance(said, str)):
        raise TypeError("no text")
    return said


def _capabilities(said: object) -> tuple[Capability, ...] | None:
    if said is None:
        return None
    if not isinstance(said, list):
        raise TypeError("no list")
    return tuple((int(major), int(minor)) for major, minor in said)
