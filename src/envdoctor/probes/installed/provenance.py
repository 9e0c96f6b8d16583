"""Who built the installed torch, by what its files, its record and conda say; the matrix speaks for two of them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Fact, Known
from envdoctor.probes.installed import records
from envdoctor.probes.project_files import posix
from envdoctor.probes.symlinks import resolved

if TYPE_CHECKING:
    from envdoctor.probes.distributions import Distribution
    from envdoctor.probes.installed.version_file import VersionFile
    from envdoctor.probes.looking import Looking

ORDINARY = r"(?:cu\d{2,3}|cpu)(?:\.with\.pypi\.cudnn|\.cxx11\.abi|\.full)?"
"""Local versions of PyTorch's own wheels: 2.9.1+cu128, 2.0.1+cu117.with.pypi.cudnn, 2.3.1+cpu.cxx11.abi."""

NVIDIA_TAG = r"nv\d{2}\.\d{1,2}"
"""NGC and Jetson builds end so: 2.6.0a0+ecf3bae40a.nv25.01."""

TAGGED_SINCE = (1, 8, 1)
"""Read in the default wheels for Linux: 1.8.0 says `1.8.0`, 1.8.1 says `1.8.1+cu102`."""

PIP = frozenset({"pip", "uv"})
"""Installers of wheels; conda-build writes `conda` into INSTALLER, Fedora `rpm`, Debian removes the file."""

STORES = ("/nix/store/", "/gnu/store/")

PYTORCH = r"pytorch(?:-nightly|-lts|-test)?"
"""The conda channels of PyTorch itself, until 2.5.1."""

FINDER = r"(?:__editable___torch_[\w.]{0,200}finder|_torch_editable|_editable_skbc_torch)\.py"
"""Import hooks of editable installations of torch."""

MAPPED = r"""['"]torch['"]\s{0,9}:\s{0,9}['"]([^'"\n]{1,4000}[\\/]torch)(?:[\\/]{1,2}__init__\.py)?['"]"""


def provenance(
    at: Looking, dist: Distribution | None, site: str | None, version: str, written: VersionFile | None
) -> Fact:
    """Tell who built it: `site` is the folder of packages it lies in, `version` what it states."""
    public, _, local = version.partition("+")
    ordinary = re.fullmatch(ORDINARY, local) is not None
    installer = records.installer(at.host, dist) if dist else None
    place = f"{posix(at.host, site or '')}/"
    if not ordinary and installer not in PIP:  # no build of conda has such a tag
        conda = _of_conda(at, place, public)
        if conda:
            return conda
    package = resolved(at.host, f"{place}torch")  # a profile of Guix is a folder of links into the store
    for store in STORES:
        if place.startswith(store) or package.startswith(store):
            return Known("distro", store)
    if not ordinary and _of_nvidia(at, local, written):
        return Known("jetson" if _is_jetson(at) else "ngc", "torch.version")
    if (written and written.hip) or local.startswith("rocm"):
        return Known("rocm", "torch/version.py")
    if (written and written.xpu) or local in ("xpu", "cxx11.abi"):
        # Intel's own wheels of 2.0 and 2.1 say +cxx11.abi (Intel Extension for PyTorch, installation guide).
        return Known("xpu", "torch/version.py")
    if installer not in PIP and _of_distribution(dist, place, installer):
        return Known("distro", "no pip installed it into the system's folder of packages")
    if _is_unreleased(public, local):
        return Known("source", "torch.version")
    if dist is None:
        return Known("unknown", "no dist-info that says who installed it")
    if dist.of_checkout:
        return Known("source", "egg-info of a checkout")
    told = records.direct_url(at.host, dist)
    if re.search(r'"(?:dir_info|vcs_info)"\s{0,20}:', told):
        return Known("source", "direct_url.json")
    if _from_elsewhere(told):
        return Known("unknown", "installed from another place")
    if ordinary and dist.version.endswith(f"+{local}"):
        return Known("pytorch-index", "dist-info")
    if "+" not in dist.version and not local and written and not _untagged(version) and _is_tagged(at, written):
        return Known("source", "its version has no +cu or +cpu tag, as published wheels do")
    if "+" not in dist.version and (ordinary or not local):
        return Known("pypi", "dist-info")
    tag = local or dist.version.partition("+")[2]
    return Known("unknown", f"a local version {tag[:40]!r} that no known builder uses")


def _untagged(version: str) -> bool:
    """Whether the published CUDA wheel of that release says no +cuXXX in version.py; all from `TAGGED_SINCE` on do."""
    match = re.fullmatch(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\.post\d{1,3})?", version)
    return match is not None and tuple(map(int, match.groups())) < TAGGED_SINCE


def _is_tagged(at: Looking, written: VersionFile) -> bool:
    """Whether published wheels of that kind have a tag: all for CUDA, and those for the CPU of x86-64 Linux."""
    return written.cuda is not None or (at.text("host.platform") == "linux-x86_64" and "cuda" in written.told)


def _of_conda(at: Looking, place: str, public: str) -> Fact | None:
    """Return who built the torch that conda recorded, None when conda recorded none of this version here.

    pip can put another torch over one of conda, which leaves conda's record as it was.
    """
    fact = at.facts.get("packages.conda")
    told = fact.value if isinstance(fact, Known) and isinstance(fact.value, dict) else {}
    prefixes = [
        f"{posix(at.host, at.text(f'python.{name}') or '-').rstrip('/')}/" for name in ("prefix", "base_prefix")
    ]
    if not told or (place != "/" and not place.startswith(tuple(prefixes))):
        return None
    for name in ("pytorch", "libtorch"):
        record = told.get(name)
        version = record.get("version") if isinstance(record, dict) else None
        if not isinstance(record, dict) or not isinstance(version, str) or not version[:1].isdigit():
            continue
        # conda-forge appends .postN to the version that torch states.
        if public and public != version and not public.startswith(f"{version}."):
            continue
        channel = record.get("channel")
        if channel == "conda-forge":
            return Known("conda-forge", "conda-meta")
        if isinstance(channel, str) and re.fullmatch(PYTORCH, channel):
            return Known("conda-pytorch", "conda-meta")
        if channel == "defaults":
            return Known("unknown", "conda-meta: built for Anaconda's own channel (defaults)")
        return Known("unknown", f"conda-meta: channel {channel}" if channel else "conda-meta names no channel")
    return None


def _is_jetson(at: Looking) -> bool:
    """Whether this is a Jetson, also in a container on one."""
    return at.text("host.kind") == "jetson" or (at.text("host.platform") or "").endswith("-jetson")


def _of_nvidia(at: Looking, local: str, written: VersionFile | None) -> bool:
    """Whether NVIDIA built it for an image or for Jetson.

    On Jetson the wheels of the board's own index have no tag at all; PyTorch has none for it.
    """
    if re.search(NVIDIA_TAG, local) or at.text("env.NVIDIA_PYTORCH_VERSION"):
        return True
    return _is_jetson(at) and not local and written is not None and written.cuda is not None


def _of_distribution(dist: Distribution | None, place: str, installer: str | None) -> bool:
    """Whether it lies where the packages of a Linux distribution lie, and no installer of wheels says it was there.

    Debian has dist-packages below /usr/lib, Fedora and Arch site-packages below the prefix /usr; /usr/local
    belongs to the administrator.
    """
    if dist is None or place.startswith("/usr/local/") or installer == "conda":
        return False
    return place.startswith(("/usr/lib/", "/usr/lib64/")) or (installer is None and place.endswith("/dist-packages/"))


def _is_unreleased(public: str, local: str) -> bool:
    """Whether the version is one that a checkout gives: 2.8.0a0+git1a2b3c4, 2.1.0a0, 2.7.1.post1.

    Releases up to 0.4 had .postN themselves (0.3.0.post4), and later one more had it (1.0.1.post2).
    """
    if public == "1.0.1.post2":
        return False
    if public.endswith("a0") or local == "unknown" or re.match(r"git[0-9a-f]", local):
        return True
    return re.search(r"\.post\d{1,9}$", public) is not None and not public.startswith("0.")


def _from_elsewhere(told: str) -> bool:
    """Whether the wheel was named by the address of another host than PyTorch's; a local file may be of any."""
    url = re.search(r'"url"\s{0,20}:\s{0,20}"([^"]*)"', told) if re.search(r'"archive_info"\s{0,20}:', told) else None
    if url is None:
        return False
    # The name of the host follows credentials, if any, and ends before the port (RFC 3986, section 3.2).
    parts = re.match(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://(?:[^/?#]*@)?([^/?#:]*)", url[1].replace("\\/", "/"))
    if parts is None or parts[1].lower() == "file":
        return False
    return not f".{parts[2].lower()}".endswith(".pytorch.org")


def checkout(at: Looking, dist: Distribution) -> str | None:
    """Return the checkout to which the import hook of an editable installation of torch leads.

    setuptools writes `__editable___torch_..._finder.py` (PEP 660), scikit-build-core, with which torch is built
    since 2.14, `_torch_editable.py`, lately `_editable_skbc_torch.py`; all map module names to paths.
    """
    try:
        finders = [name for name in at.host.listdir(dist.site) if re.fullmatch(FINDER, name)]
        text = at.host.read(os.path.join(dist.site, finders[0])) if finders else ""
    except (OSError, ValueError):
        return None
    mapped = re.search(MAPPED, text)
    folder = re.sub(r"[\\/]+torch$", "", mapped[1].replace("\\\\", "\\")) if mapped else None
    return folder if folder and at.host.is_dir(os.path.join(folder, "torch")) else None
