"""What is installed in an environment that need not run: names and versions as they are recorded, before and after.

Read are the metadata of installed distributions (PyPA specifications "Recording installed projects" and "Core
metadata"; egg-info and egg-link of setuptools); nothing is imported, and the interpreter is not asked.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.fix import PackageChange
from envdoctor.model.names import normalised

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

MOST = 1024 * 1024
"""Bytes read of one distribution's metadata: the headers come first."""

PARTNERS = ("torch", "torchvision", "torchaudio")
"""Those whose requirements are theirs to change."""

OF_TORCH = re.compile(r"torch|torchvision|torchaudio|(?:pytorch-)?triton(?:-.+)?|nvidia-(?!ml-py$).+|cuda-.+")
"""Normalised names of the torch set, to which the bindings of NVML do not belong.

The libraries of CUDA 13 have no suffix: `nvidia-cublas`, `cuda-toolkit`.
"""


class _Distribution(NamedTuple):
    name: str
    version: str
    requires: tuple[str, ...]


def freeze(folder: str) -> dict[str, str]:
    """Return normalised name to version of every distribution in the site-packages of the environment in `folder`.

    Of a name that is there twice, the one in the folder that Python searches first counts; in one folder, the first in
    the alphabet, as the order in which Python finds them is another one in a copy. A version is "" where none is
    recorded. Raises OSError where a folder of packages cannot be listed.
    """
    return {one.name: one.version for one in reversed(list(_distributions(folder)))}


def outside(before: Mapping[str, str], after: Mapping[str, str], own: Collection[str]) -> tuple[PackageChange, ...]:
    """Return what changed between two freezes of distributions that are not in `own`, by name."""
    return tuple(
        PackageChange(name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name) and name not in own
    )


def torch_set(folder: str) -> frozenset[str]:
    """Return the names that are torch's to change: its family, and what it and its partners require, and that in turn.

    Names of the family that are not installed cannot be listed: unite the sets of the environment before and after.
    Markers are judged for the environment's Python and this machine. Raises OSError as `freeze` does.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    installed = {one.name: one for one in reversed(list(_distributions(folder)))}
    found = {name for name in installed if OF_TORCH.fullmatch(name)}
    python = _python_version(folder)
    seen: set[tuple[str, str]] = set()
    waiting = [(name, "") for name in PARTNERS]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen or name not in installed:
            continue
        seen.add((name, extra))
        for line in installed[name].requires:
            try:
                required = Requirement(line)
                wanted = required.marker is None or required.marker.evaluate({**python, "extra": extra})
            except (InvalidRequirement, ValueError):
                continue  # metadata may say anything
            if wanted:
                needed = normalised(required.name)
                found.add(needed)
                waiting += [(needed, one) for one in ("", *required.extras)]
    return frozenset({*found, *PARTNERS})


def fingerprints(folder: str) -> dict[str, str]:
    """Return normalised name to a digest of how each distribution is recorded.

    It is another one after the same version came from elsewhere: a wheel in the place of an editable project. Compare
    two of one folder while it has one path, as RECORD has the digests of scripts that name it. Raises OSError as
    `freeze` does.
    """
    from hashlib import sha256

    found: dict[str, str] = {}
    for place, one in _recorded(folder):
        digest = sha256(found.get(one.name, "").encode())
        for file in ("RECORD", "direct_url.json", "WHEEL", "PKG-INFO"):
            lines = _bytes(os.path.join(place, file)).splitlines(keepends=True)
            digest.update(b"".join(line for line in lines if b"__pycache__" not in line))
        found[one.name] = digest.hexdigest()
    return found


def sites(folder: str) -> tuple[str, ...]:
    """Return the folders of packages in an environment, in the order in which its Python searches them.

    `lib64` is one of its own only where it is no link to `lib`. Where an upgrade left those of another Python, that of
    `pyvenv.cfg` comes first.
    """
    from glob import escape, glob

    found = sorted(
        place
        for pattern in (
            "lib/python*/site-packages",
            "lib/pypy*/site-packages",
            "lib64/python*/site-packages",
            "Lib/site-packages",
        )
        for place in glob(os.path.join(escape(folder), pattern))
        if os.path.isdir(place)
    )
    own = f"python{'.'.join(_told_version(folder).split('.')[:2])}"
    found.sort(key=lambda place: (own not in place.split(os.sep), "lib64" in place.split(os.sep)))
    return tuple({os.path.realpath(place): place for place in reversed(found)}.values())[::-1]


def _distributions(folder: str) -> Iterator[_Distribution]:
    """Yield every distribution, those that Python finds first first."""
    for _, one in _recorded(folder):
        yield one


def _recorded(folder: str) -> Iterator[tuple[str, _Distribution]]:
    """Yield the dist-info or egg-info of each distribution, and what it says."""
    for site in sites(folder):
        for name in sorted(os.listdir(site)):
            place = os.path.join(site, name)
            if name.endswith((".dist-info", ".egg-info")):
                one = _read(place, name)
            elif name.endswith(".egg"):  # setup.py install
                one = _read(os.path.join(place, "EGG-INFO"), f"{name[:-4]}.egg-info")
            elif name.endswith(".egg-link"):  # setup.py develop: its first line is the folder of the project
                one, place = _linked(place)
            else:
                continue
            if one is not None:
                yield place, one


def _linked(link: str) -> tuple[_Distribution | None, str]:
    """Return what an egg-link leads to: the egg-info in the folder it names."""
    project = os.fsdecode(_bytes(link).split(b"\n")[0].strip())
    name = f"{os.path.basename(link)[: -len('.egg-link')].replace('-', '_')}.egg-info"
    place = os.path.join(project, name)
    return (_read(place, name) if project else None), place


def _read(place: str, entry: str) -> _Distribution | None:
    """Return what the metadata at `place` says, and where they are broken what the name of the folder does.

    None for what is no name: pip calls what it moves aside `~orch-2.9.1.dist-info`.
    """
    stem, _, kind = entry.rpartition(".")
    parts = stem.split("-")
    files = ("METADATA",) if kind == "dist-info" else ("PKG-INFO", "")  # an egg-info may be a file itself
    text = next(filter(None, (_bytes(os.path.join(place, file) if file else place) for file in files)), b"")
    head = re.split(rb"\r?\n\r?\n", text, maxsplit=1)[0].decode("utf-8", "replace")
    named = (_fields(head, "Name") or [parts[0]])[0]
    version = (_fields(head, "Version") or parts[1:2] or [""])[0]
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", named) or not parts[0][:1].isalnum():
        return None
    return _Distribution(normalised(named), version, tuple(_fields(head, "Requires-Dist")))


def _fields(head: str, name: str) -> list[str]:
    return [
        value.strip()
        for value in re.findall(rf"^{name}:(.*(?:\n[ \t].*)*)", head, re.MULTILINE | re.IGNORECASE)
        if value.strip()
    ]


def _bytes(path: str) -> bytes:
    """Return the beginning of a file, nothing of one that is not there or cannot be read."""
    try:
        with open(path, "rb") as opened:
            return opened.read(MOST)
    except OSError:
        return b""


def _told_version(folder: str) -> str:
    """Return the version that `pyvenv.cfg` states (venv, uv: `version_info = 3.11.7`), "" where it does not."""
    told = re.search(
        r"^version(?:_info)?\s*=\s*([\d.]+)",
        _bytes(os.path.join(folder, "pyvenv.cfg")).decode("utf-8", "replace"),
        re.MULTILINE,
    )
    return told[1] if told else ""


def _python_version(folder: str) -> dict[str, str]:
    """Return the markers of the environment's Python, none where nothing tells it: then those of this one are taken."""
    told = _told_version(folder)
    minor = ".".join(told.split(".")[:2])
    return (
        {"python_version": minor, "python_full_version": told if told.count(".") > 1 else f"{minor}.0"} if minor else {}
    )
