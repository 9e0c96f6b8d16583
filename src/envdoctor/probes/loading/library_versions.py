"""Whose a library is, and which release: by its package, its file name, a header beside it, or its own text."""

from __future__ import annotations

import os
import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.binary.dynamic import build_id_of
from envdoctor.binary.image import NotElf, opened
from envdoctor.probes.conda_records import parse_name
from envdoctor.probes.installed import records

if TYPE_CHECKING:
    import mmap

    from envdoctor.probes.distributions import Distribution
    from envdoctor.probes.looking import Looking

PACKAGES = {
    "cudart": "cuda-runtime",
    "cublaslt": "cublas",
    "cupti": "cuda-cupti",
    "nvrtc": "cuda-nvrtc",
    "nvtoolsext": "nvtx",
    "nvshmem_host": "nvshmem",
}
"""Libraries whose package is called otherwise: `nvidia-cuda-runtime-cu12`, since CUDA 13 `nvidia-cuda-runtime`."""

CONDA_PACKAGES = {
    "cudart": ("cuda-cudart", "cudatoolkit"),
    "cudnn": ("libcudnn", "cudnn"),
    "nccl": ("nccl",),
    "nvrtc": ("cuda-nvrtc", "cudatoolkit"),
    "cupti": ("cuda-cupti", "cudatoolkit"),
    "nvtoolsext": ("cuda-nvtx", "cudatoolkit"),
    "cublaslt": ("libcublas", "cudatoolkit"),
    "stdc++": ("libstdcxx", "libstdcxx-ng"),
}
"""The same for conda, where the rest is called `libcublas`, `libcufft`, ..., and was `cudatoolkit` until CUDA 11."""

OF_OTHER_NUMBERS = frozenset({"cupti", "nvtoolsext"})
"""Libraries whose files carry numbers (libcupti.so.2024.1.1) that are not those of their packages."""

NUMBERED = r".*\.so\.(\d{1,4}(?:\.\d{1,4}){2,4})"
HEADERS = {"cudnn": ("cudnn_version.h", "CUDNN_MAJOR", "CUDNN_MINOR", "CUDNN_PATCHLEVEL")}
OWN_TEXT = {"nccl": rb"NCCL version (\d{1,3}\.\d{1,3}\.\d{1,3})\+cuda"}
LARGEST_TEXT = 16 * 1024 * 1024
"""Bytes of `.rodata` searched; that of NCCL 2.30 has half a megabyte."""
COMPARED = 1024 * 1024


class Origin(NamedTuple):
    """The `package` a library belongs to and the `version` of its release, each None where it is not known."""

    package: str | None
    version: str | None
    source: str = "file"


def stem(soname: str) -> str:
    """What a library is called: `cublaslt` of `libcublasLt.so.12`, `cudnn` of any part of cuDNN, `nvshmem_host`."""
    name = re.sub(r"[-.][0-9a-f]{8}$", "", soname.partition(".so")[0].removeprefix("lib")).lower()
    return "cudnn" if name.startswith("cudnn") else name


def origin(at: Looking, path: str, soname: str, sites: list[str]) -> Origin:
    """Find out whose the library at machine path `path` is."""
    path = posixpath.normpath(path)
    package, version, source = _package(at, path, soname, sites)
    if version is None:
        version, source = _by_file(at, path, soname)
    return Origin(package, version, source)


def _package(at: Looking, path: str, soname: str, sites: list[str]) -> tuple[str | None, str | None, str]:
    for site in sites:
        if not path.startswith(start := posixpath.normpath(site) + "/"):
            continue
        top = path[len(start) :].partition("/")[0]
        # A package of NVIDIA's holds one library, so that its version is the library's; torch's is not.
        owner = _of_nvidia(at, path, soname, site)
        if owner is not None:
            return owner.name, owner.version, "dist-info"
        return (at.by_name[top][0].name if top in at.by_name else None), None, ""
    prefix = at.text("python.prefix")
    if prefix and path.startswith(f"{prefix}/lib/"):
        return _of_conda(at, prefix, soname)
    return None, None, ""


def _of_nvidia(at: Looking, path: str, soname: str, site: str) -> Distribution | None:
    """The distribution of that folder of packages that brings the library; of two flavours, whose file it is."""
    if "/nvidia/" not in path and not re.search(r"/(?:cu[a-z_]+|nccl|nv[a-z_]+)/lib/[^/]+$", path):
        return None
    wanted = "nvidia-" + PACKAGES.get(stem(soname), stem(soname)).replace("_", "-")
    flavours = [
        one
        for name, found in at.by_name.items()
        if name.startswith(wanted) and re.fullmatch(r"(?:-cu\d{2,3})?", name[len(wanted) :])
        for one in found
        if one.site == site
    ]
    if len(flavours) < 2:
        return flavours[0] if flavours else None
    relative = path[len(posixpath.normpath(site)) + 1 :]
    try:
        size = os.stat(at.host.path(path)).st_size
    except (OSError, ValueError):
        return None
    owners = [one for one in flavours if (records.files(at.host, one) or {}).get(relative, ("", None))[1] == size]
    return owners[0] if len(owners) == 1 else None


def _of_conda(at: Looking, prefix: str, soname: str) -> tuple[str | None, str | None, str]:
    """By the names of conda's records: name, version, build."""
    what = stem(soname)
    names = CONDA_PACKAGES.get(what, (f"lib{what}", what, "cudatoolkit"))
    try:
        told = [parse_name(entry) for entry in at.host.listdir(f"{prefix}/conda-meta")]
    except (OSError, ValueError):
        return None, None, ""
    found = {one[0]: one[1] for one in told if one}
    name = next((name for name in names if name in found), None)
    # One package for the whole of CUDA says nothing of one library, and the numbers of compilers are not libstdc++'s.
    if name is None or name == "cudatoolkit" or what == "stdc++":
        return name, None, ""
    return name, found[name], "conda-meta"


def _by_file(at: Looking, path: str, soname: str) -> tuple[str | None, str]:
    what = stem(soname)
    real = os.path.realpath(at.host.path(path))
    numbered = re.fullmatch(NUMBERED, posixpath.basename(real))
    if numbered and what not in OF_OTHER_NUMBERS:
        return numbered[1], "file name"
    beside = re.fullmatch(r"(.*)/nvidia/\w{1,40}/lib/[^/]+", path)
    if beside:
        said = _other_record(at, beside[1], what)
        if said:
            return said, "dist-info"
    if what in HEADERS:
        said = _header(at, posixpath.dirname(path), *HEADERS[what])
        if said:
            return said, HEADERS[what][0]
    if what in OWN_TEXT:
        said = _own_text(at.host.path(path), OWN_TEXT[what])
        if said:
            return said, "its own text"
    return None, "file"


def _other_record(at: Looking, site: str, what: str) -> str | None:
    """The version of NVIDIA's package in a folder of packages that is not of this interpreter."""
    name = PACKAGES.get(what, what).replace("-", "_")
    try:
        names = at.host.listdir(site)
    except (OSError, ValueError):
        return None
    told = [
        re.fullmatch(rf"nvidia_{re.escape(name)}(?:_cu\d{{2,3}})?-([\d.]{{1,40}})\.dist-info", one) for one in names
    ]
    versions = {one[1] for one in told if one}
    return versions.pop() if len(versions) == 1 else None


def _header(at: Looking, folder: str, name: str, *macros: str) -> str | None:
    """The version that a header beside a library states, `lib` and `include` being neighbours."""
    try:
        text = at.host.read(f"{posixpath.dirname(folder)}/include/{name}", 65536)
    except (OSError, ValueError):
        return None
    numbers = [re.search(rf"^#define {macro}\s{{1,20}}(\d{{1,4}})\s*$", text, re.MULTILINE) for macro in macros]
    return ".".join(number[1] for number in numbers if number) if all(numbers) else None


def _own_text(path: str, pattern: bytes) -> str | None:
    """The version in the constants of a library."""
    try:
        with opened(path) as image:
            for section in image.sections:
                if section.name == ".rodata" and section.size <= LARGEST_TEXT:
                    found = re.compile(pattern).search(image.data, section.offset, section.offset + section.size)
                    return found[1].decode() if found else None
    except NotElf:
        pass
    return None


def same_build(one: str, other: str) -> bool:
    """Whether the files at two real paths are of the same build: build id, else size and first megabyte."""
    try:
        with opened(one) as first, opened(other) as second:
            ids = build_id_of(first), build_id_of(second)
            if None not in ids:
                return ids[0] == ids[1]
            return first.size == second.size and _start(first.data) == _start(second.data)
    except NotElf:
        return False


def _start(data: mmap.mmap | bytes) -> bytes:
    return data[:COMPARED]


def compared(one: str | None, other: str | None) -> int | None:
    """-1 where `one` is the older release, 1 where it is the newer, 0 for the same; None where that is not known.

    As many numbers count as both have: 9.1.0 of a file name is 9.1.0.70 of a package.
    """
    if one is None or other is None:
        return None
    first, second = ([int(part) for part in re.findall(r"\d{1,9}", text)] for text in (one, other))
    length = min(len(first), len(second))
    if not length:
        return None
    return (first[:length] > second[:length]) - (first[:length] < second[:length])
