"""The installed torch, read without importing it: dist-info, `torch/version.py` and conda-meta."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes import distributions, version_file

if TYPE_CHECKING:
    from envdoctor.host.host import Host
    from envdoctor.probes.distributions import Distribution
    from envdoctor.probes.looking import Facts, Looking
    from envdoctor.probes.version_file import VersionFile

FACTS = {
    "torch.version": "what torch.__version__ would print",
    "torch.dist_version": "the version of the installed distribution; the default build has no local part",
    "torch.location": "folder that `import torch` would load",
    "torch.cuda": "CUDA runtime the wheel was built for (torch.version.cuda)",
    "torch.hip": "ROCm it was built for (torch.version.hip)",
    "torch.git": "commit it was built from",
    "torch.local": "the local part of its version: cu126, cpu, rocm6.4, ...",
    "torch.channel": "the wheel channel that build belongs to: cu126, cpu, ...",
    "torch.provenance": "who built it: pypi, pytorch-index, conda-forge, conda-pytorch, ngc, jetson, distro, "
    "source, rocm, xpu, mps or unknown",
    "torch.requires": "its Requires-Dist lines",
}

CUDA_TAG = re.compile(r"cu\d{2,3}")
FINDER = re.compile(r"__editable___torch_[\w.]*finder\.py")
NVIDIA_TAG = re.compile(r"nv\d{2}\.\d{1,2}")
"""NGC and Jetson builds end so: 2.6.0a0+ecf3bae40a.nv25.01."""


def look(at: Looking) -> Facts:
    """Read the torch that `import torch` would load."""
    if isinstance(at.facts.get("python.site_packages"), Unknown):
        return dict.fromkeys(FACTS, Unknown("the interpreter did not say where its packages are"))
    dist = at.distribution("torch")
    package = _package(at, dist)
    dist = next((one for one in at.distributions if one.name == "torch" and one.site == package), dist)
    sites = at.texts("python.site_packages")
    # An editable checkout lies outside sys.path: what leads to it is its record.
    denied = at.denied_before(package if package in sites else dist.site if dist else None)
    if denied:
        return dict.fromkeys(FACTS, Unknown(f"{denied} may not be read"))
    if package is None and dist is None:
        return dict.fromkeys(FACTS, Absent("no distribution named torch"))
    folder = os.path.join(package, "torch") if package else None
    written, problem = _version_file(at.host, folder)
    version = (written.version if written else None) or (dist.version if dist else None)
    facts: Facts = {
        "torch.version": Known(version, "torch/version.py" if written and written.version else "dist-info")
        if version
        else Unknown(problem or "torch/version.py states no version"),
        "torch.dist_version": Known(dist.version, "dist-info") if dist else Absent("torch has no dist-info"),
        "torch.location": Known(folder, "sys.path") if folder else Absent("there is no folder torch"),
        "torch.cuda": _built_for(written, "cuda", problem),
        "torch.hip": _built_for(written, "hip", problem),
        "torch.git": _built_for(written, "git_version", problem),
    }
    local = version.partition("+")[2] if version else ""
    facts["torch.local"] = Known(local, "torch.version") if local else Absent("the version has no local part")
    facts["torch.provenance"] = _provenance(at, dist, version or "", written)
    facts["torch.channel"] = _channel(at.host, local, written, problem)
    requires = distributions.requirements(at.host, dist) if dist else None
    facts["torch.requires"] = (
        Known([*requires], "dist-info") if requires is not None else Absent("torch has no METADATA to read")
    )
    return facts


def _package(at: Looking, dist: Distribution | None) -> str | None:
    """Return the folder that holds the package `import torch` would load.

    A folder without `__init__.py` is passed over by `import` for any later one that has it; it counts only
    as what is left of an installation that is still recorded, or that a version.py shows to have been one.
    """
    sites = at.texts("python.site_packages")
    for site in sites:
        if at.host.is_file(os.path.join(site, "torch", "__init__.py")):
            return site
    if dist:
        left = at.host.is_dir(os.path.join(dist.site, "torch"))
        return dist.site if left else _editable(at.host, dist)
    return next((site for site in sites if at.host.is_file(os.path.join(site, "torch", "version.py"))), None)


def _editable(host: Host, dist: Distribution) -> str | None:
    """Return the checkout to which the import hook of an editable installation leads (setuptools, PEP 660)."""
    try:
        finders = [name for name in host.listdir(dist.site) if FINDER.fullmatch(name)]
        text = host.read(os.path.join(dist.site, finders[0])) if finders else ""
    except OSError:
        return None
    mapped = re.search(r"['\"]torch['\"]: ['\"]([^'\"\n]+)/torch['\"]", text)
    return mapped[1] if mapped and host.is_dir(os.path.join(mapped[1], "torch")) else None


def _version_file(host: Host, folder: str | None) -> tuple[VersionFile | None, str]:
    if folder is None:
        return None, "torch is recorded as installed, but its folder is missing"
    try:
        written = version_file.parse(host.read(os.path.join(folder, "version.py")))
    except OSError as problem:
        return None, f"torch/version.py cannot be read: {problem.strerror or problem}"
    return (written, "") if written.told else (None, "torch/version.py states nothing about the build")


def _built_for(written: VersionFile | None, name: str, problem: str) -> Fact:
    if written is None:
        return Unknown(problem)
    value = written.git if name == "git_version" else getattr(written, name)
    if value:
        return Known(value, "torch/version.py")
    if name == "cuda" and "cuda" not in written.told:
        return Unknown("torch/version.py does not say for which CUDA it was built")
    return Absent(f"torch/version.py says {name} = None")


def _channel(host: Host, local: str, written: VersionFile | None, problem: str) -> Fact:
    """Tell the wheel channel by the local tag; a build without one, by its CUDA."""
    if CUDA_TAG.fullmatch(local) or local in ("cpu", "xpu") or local.startswith("rocm"):
        return Known(local, "torch.version")
    if written is None:
        return Unknown(problem)
    if written.cuda:
        major, _, minor = written.cuda.partition(".")
        return Known(f"cu{major}{minor.split('.')[0]}", "torch.cuda")
    if host.os == "macos":
        return Known("cpu", "torch.cuda")  # macOS wheels carry MPS and no channel of their own
    return Known("cpu", "torch.cuda") if not (written.hip or written.xpu) else Absent("not a CUDA or CPU build")


def _provenance(at: Looking, dist: Distribution | None, version: str, written: VersionFile | None) -> Fact:
    """Tell who built it; the matrix speaks for wheels of the package index and of PyTorch's alone."""
    local = version.partition("+")[2]
    ordinary = CUDA_TAG.fullmatch(local) or local == "cpu"
    conda = None if ordinary else _conda_channel(at, version.partition("+")[0])  # conda's builds have no such tag
    if conda:
        return Known(conda, "conda-meta")
    if not ordinary and (NVIDIA_TAG.search(local) or at.text("env.NVIDIA_PYTORCH_VERSION")):
        return Known("jetson" if at.text("host.kind") == "jetson" else "ngc", "torch.version")
    if written and (written.hip or local.startswith("rocm")):
        return Known("rocm", "torch/version.py")
    if written and (written.xpu or local == "xpu"):
        return Known("xpu", "torch/version.py")
    if re.search(r"a0|\+git|\.post\d+$", version) or local == "unknown":
        return Known("source", "torch.version")
    if dist is None:
        return Known("unknown", "no dist-info that says who installed it")
    if dist.site.endswith("dist-packages") and distributions.installer(at.host, dist) is None:
        return Known("distro", "dist-packages")
    if _from_checkout(at.host, dist):
        return Known("source", "direct_url.json")
    if _from_elsewhere(at.host, dist):
        return Known("unknown", "installed from another place")
    if ordinary and dist.version.endswith(f"+{local}"):
        return Known("pytorch-index", "dist-info")
    if "+" not in dist.version and not local and written and written.cuda:
        # Every published CUDA wheel says +cuXXX in version.py (`torch_dunder_version` of the wheels on the index).
        return Known("source", "a CUDA build whose version has no +cu tag")
    if "+" not in dist.version and (ordinary or not local):
        return Known("pypi", "dist-info")
    return Known("unknown", f"a local version {local[:40]!r} that no known builder uses")


def _from_checkout(host: Host, dist: Distribution) -> bool:
    """Whether pip or uv built it from a folder or a repository (direct_url.json, PyPA specification)."""
    return re.search(r'"(?:dir_info|vcs_info)"\s*:', _direct_url(host, dist)) is not None


def _from_elsewhere(host: Host, dist: Distribution) -> bool:
    """Whether the wheel was named by the address of another host than PyTorch's; a local file may be of any."""
    told = _direct_url(host, dist)
    url = re.search(r'"url"\s*:\s*"([^"]*)"', told) if re.search(r'"archive_info"\s*:', told) else None
    if url is None:
        return False
    # The name of the host follows credentials, if any, and ends before the port (RFC 3986, section 3.2).
    parts = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://(?:[^/?#]*@)?([^/?#:]*)", url[1].replace("\\/", "/"))
    if parts is None or parts[1].lower() == "file":
        return False
    return not f".{parts[2].lower()}".endswith(".pytorch.org")


def _direct_url(host: Host, dist: Distribution) -> str:
    """Return direct_url.json, empty where the torch was not installed by its address."""
    try:
        return host.read(os.path.join(dist.folder, "direct_url.json"), 65536)
    except OSError:
        return ""


def _conda_channel(at: Looking, public: str) -> str | None:
    """Return who built the torch that conda recorded, None when conda recorded none of this version.

    `public` is the version without its local part. pip can put another torch over one of conda, which
    leaves conda's record as it was.
    """
    prefix = at.text("python.prefix")
    if not prefix:
        return None
    folder = os.path.join(prefix, "conda-meta")
    try:
        records = [name for name in at.host.listdir(folder) if _records(name, public)]
    except OSError:
        return None
    for name in records:
        try:
            record = at.host.read(os.path.join(folder, name))
        except OSError:
            continue
        channel = re.search(r'"channel"\s*:\s*"([^"]*)"', record)
        if channel:
            return (
                "conda-pytorch" if re.search(r"(^|/)pytorch(-nightly|-lts|-test)?(/|$)", channel[1]) else "conda-forge"
            )
    return None


def _records(name: str, public: str) -> bool:
    """Whether a file of conda-meta is the record of torch in this version; conda-forge appends .postN to it."""
    match = re.match(r"(?:pytorch|libtorch)-(\d[^-]*)-", name)
    return match is not None and (not public or public == match[1] or public.startswith(f"{match[1]}."))
