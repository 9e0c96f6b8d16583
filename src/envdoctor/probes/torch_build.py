"""The installed torch, read without importing it: dist-info, `torch/version.py` and conda-meta."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes.installed import records, version_file
from envdoctor.probes.installed.provenance import checkout, provenance
from envdoctor.probes.installed.whole_package import holds_whole

if TYPE_CHECKING:
    from envdoctor.host.host import Host
    from envdoctor.probes.distributions import Distribution
    from envdoctor.probes.installed.version_file import VersionFile
    from envdoctor.probes.looking import Facts, Looking

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
    "torch.editable": "true where it is an editable installation of a checkout",
    "torch.wheel_tags": "tags of the wheel it was installed from: cp311-cp311-manylinux_2_28_x86_64",
    "torch.installer": "what installed it, by its own word: pip, uv, conda, ...",
}

CUDA_TAG = r"cu\d{2,3}"
ROCM_TAG = r"rocm\d{1,2}\.\d{1,2}(?:\.\d{1,2})?"
"""Channels of PyTorch's index; AMD's own wheels say more: rocm6.4.1.git1ded221d."""


def look(at: Looking) -> Facts:
    """Read the torch that `import torch` would load."""
    if at.unplaced:
        return dict.fromkeys(FACTS, at.unplaced)
    dist = at.distribution("torch")
    package, hooked = _package(at, dist)
    folder = os.path.join(package, "torch") if package else None
    written, problem = _version_file(at.host, folder)
    dist = _record(at, package, written.version if written else None) or dist
    sites = at.texts("python.site_packages")
    # An editable checkout lies outside sys.path: what leads to it is its record.
    denied = at.denied_before(package if package in sites else dist.site if dist else None)
    if denied:
        return dict.fromkeys(FACTS, Unknown(f"{denied} may not be read"))
    if package is None and dist is None:
        return dict.fromkeys(FACTS, Absent("no distribution named torch"))
    version = (written.version if written else None) or (dist.version if dist else None)
    facts: Facts = {
        "torch.version": Known(version, "torch/version.py" if written and written.version else "dist-info")
        if version
        else Unknown(problem or "torch/version.py states no version"),
        "torch.dist_version": Known(dist.version, "dist-info") if dist else Absent("torch has no dist-info"),
        "torch.location": _location(at.host, folder),
        "torch.cuda": _built_for(written, "cuda", problem),
        "torch.hip": _built_for(written, "hip", problem),
        "torch.git": _built_for(written, "git_version", problem),
    }
    local = version.partition("+")[2] if version else ""
    facts["torch.local"] = Known(local, "torch.version") if local else Absent("the version has no local part")
    facts["torch.provenance"] = provenance(at, dist, package or (dist.site if dist else None), version or "", written)
    facts["torch.channel"] = _channel(at.host, local, written, problem)
    facts["torch.editable"] = _editable(at, dist, hooked)
    facts |= _recorded(at, dist)
    return facts


def _location(host: Host, folder: str | None) -> Fact:
    """Tell the folder that holds the package, not one that is left of it: `import` passes over that."""
    if folder is None:
        return Absent("there is no folder torch")
    if host.is_file(os.path.join(folder, "__init__.py")):
        return Known(folder, "sys.path")
    try:
        host.listdir(folder)
    except PermissionError:
        return Unknown(f"{folder} may not be read")
    except OSError:  # a link that leads nowhere
        pass
    return Absent("the folder torch has lost its __init__.py")


def _record(at: Looking, package: str | None, version: str | None) -> Distribution | None:
    """Return the record of the package in that folder, None where there is none beside it.

    For a checkout that an installer linked it is the installer's record that counts, not what the build left.
    """
    beside = at.recorded("torch", package, version)
    if beside is None or not beside.of_checkout:
        return beside
    return next((one for one in at.by_name["torch"] if records.links_checkout(at.host, one)), beside)


def _recorded(at: Looking, dist: Distribution | None) -> Facts:
    """Read what its record says of requirements, wheel and installer."""
    requires = records.requirements(at.host, dist) if dist else None
    tags = records.wheel_tags(at.host, dist) if dist else None
    installer = records.installer(at.host, dist) if dist else None
    return {
        "torch.requires": Known([*requires], "dist-info")
        if requires is not None
        else Absent("torch has no METADATA to read"),
        "torch.wheel_tags": Known([*tags], "dist-info") if tags else Absent("torch has no WHEEL to read"),
        "torch.installer": Known(installer, "dist-info") if installer else Absent("no INSTALLER says so"),
    }


def _editable(at: Looking, dist: Distribution | None, hooked: bool) -> Fact:
    """Tell an editable installation by the hook that leads to the checkout, by its link, or by its record."""
    if dist is None:
        return Absent("torch has no dist-info")
    if hooked:
        return Known(True, "import hook")
    if records.links_checkout(at.host, dist):
        return Known(True, "direct_url.json")
    for site in at.texts("python.site_packages") if dist.of_checkout else ():
        if at.host.is_file(os.path.join(site, "torch.egg-link")):  # what `setup.py develop` leaves
            return Known(True, "torch.egg-link")
    return Absent("its record names no checkout")


def _package(at: Looking, dist: Distribution | None) -> tuple[str | None, bool]:
    """Return the folder that holds the package `import torch` would load, and whether an import hook leads there.

    A folder without `__init__.py` is passed over by `import` for any later one that has it; it counts only
    as what is left of an installation that is still recorded, or that a version.py shows to have been one. A folder
    of scripts called torch, or a checkout never built, is no installed torch where there is one behind it: that it
    is met first is a fact of its own (`local_modules`).
    """
    sites = at.texts("python.site_packages")
    there = [site for site in sites if at.host.is_file(os.path.join(site, "torch", "__init__.py"))]
    if there:
        return next((site for site in there if len(there) == 1 or holds_whole(at, site, "torch")), there[0]), False
    if dist:
        # Before the folder beside the record: there lie the compiled objects of an editable installation.
        led = checkout(at, dist)
        if led:
            return led, True
        return (dist.site if at.host.is_dir(os.path.join(dist.site, "torch")) else None), False
    return next((site for site in sites if at.host.is_file(os.path.join(site, "torch", "version.py"))), None), False


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
    if re.fullmatch(CUDA_TAG, local) or local in ("cpu", "xpu") or re.fullmatch(ROCM_TAG, local):
        return Known(local, "torch.version")
    if local.startswith("rocm"):
        return Absent("a ROCm build of no channel of PyTorch's")
    if written is None:
        return Unknown(problem)
    if written.cuda:
        major, _, minor = written.cuda.partition(".")
        return Known(f"cu{major}{minor.split('.')[0]}", "torch.cuda")
    if host.os == "macos":
        return Known("cpu", "torch.cuda")  # macOS wheels carry MPS and no channel of their own
    return Known("cpu", "torch.cuda") if not (written.hip or written.xpu) else Absent("not a CUDA or CPU build")
