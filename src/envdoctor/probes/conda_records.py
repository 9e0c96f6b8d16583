"""What conda recorded of torch and of what it is built on: `conda-meta`, one JSON file a package.

The file's name holds name, version and build; it is opened for the channel alone, and only for the packages
below. conda and mamba sort the keys, and rattler (pixi) writes the lists of files last, so that the channel
stands near the beginning of records that have megabytes of file names.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Known, Unknown

if TYPE_CHECKING:
    from envdoctor.host.host import Host
    from envdoctor.model.fact import Value
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "packages.conda": "what conda recorded of torch, its partners and the libraries below them: name to version, "
    "build and channel",
}

WANTED = frozenset(
    {"pytorch", "libtorch", "torchvision", "torchaudio", "pytorch-cuda", "pytorch-mutex", "cudatoolkit",
     "cuda-version", "cudnn", "nccl", "mkl", "numpy", "triton", "cuda-nvcc"}
)  # fmt: skip

MOST_HEAD = 256 * 1024
MOST_NAMES = 200_000
"""File names of conda-meta looked at; an environment has hundreds."""

DEFAULTS = r"(?:^|/)(?:pkgs/(?:main|r|msys2|free|pro|mro)|defaults)$"
PLATFORM = r"/(?:noarch|(?:linux|osx|win|emscripten|wasi|freebsd|zos)-[a-z0-9_]{1,16})$"


def look(at: Looking) -> Facts:
    """Read the records of the environment, or of the conda Python whose packages a virtual environment sees."""
    prefix = at.text("python.prefix")
    if prefix is None:
        return {"packages.conda": Unknown("the interpreter did not say where its environment is")}
    folder = os.path.join(prefix, "conda-meta")
    seen = at.facts.get("python.system_site")
    base = at.text("python.base_prefix")
    if base and isinstance(seen, Known) and seen.value is True and not at.host.is_dir(folder):
        folder = os.path.join(base, "conda-meta")
    try:
        names = at.host.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return {"packages.conda": Absent("the environment has no conda-meta")}
    except (OSError, ValueError) as problem:
        return {"packages.conda": Unknown(f"{folder} cannot be read: {getattr(problem, 'strerror', None) or problem}")}
    found: dict[str, Value] = {}
    for entry in names[:MOST_NAMES]:
        told = parse_name(entry)
        if told and told[0] in WANTED:
            name, version, build = told
            found[name] = {
                "version": version,
                "build": build,
                "channel": _channel(at.host, os.path.join(folder, entry)),
            }
    return {"packages.conda": Known(found, folder)}


def parse_name(entry: str) -> tuple[str, str, str] | None:
    """Take `pytorch-2.5.1-py3.11_cuda12.4_cudnn9.1.0_0.json` apart: name, version, build."""
    if not entry.endswith(".json") or not entry.isprintable():
        return None
    parts = entry[:-5].rsplit("-", 2)
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 and all(parts) else None


def _channel(host: Host, path: str) -> str | None:
    """Return the name of the channel a package came from, None where its record does not tell."""
    for limit in (MOST_HEAD, None):
        try:
            text = host.read(path, limit) if limit else host.read(path)
        except (OSError, ValueError):
            return None
        found = re.search(r'"channel"\s{0,20}:\s{0,20}"([^"\\]{1,1000})"', text)
        if found:
            return channel_name(found[1])
        if len(text) < MOST_HEAD:
            return None
    return None


def channel_name(channel: str) -> str:
    """Return the name of a channel: `conda-forge`, `pytorch`, `defaults`, ... of its address.

    An address may hold a token (`/t/<token>/`), user and password; the name has none of them.
    """
    place = re.sub(PLATFORM, "", channel.strip().rstrip("/"))
    place = place.partition("://")[2].partition("/")[2] if "://" in place else place
    place = re.sub(r"^t/[^/]*/?", "", place.partition("/label/")[0])
    if re.search(DEFAULTS, place):
        return "defaults"
    name = place.rpartition("/")[2]
    return name if re.fullmatch(r"[\w.+<>-]{1,80}", name, re.ASCII) else "unknown"
