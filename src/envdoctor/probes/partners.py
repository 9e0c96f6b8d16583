"""torchvision, torchaudio and triton: the packages that must be torch's partners, read from their files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes.distributions import TRITON
from envdoctor.probes.installed import records, version_file

if TYPE_CHECKING:
    from envdoctor.probes.looking import Facts, Looking

COMPILED = ("torchvision", "torchaudio")
"""Partners that carry kernels of their own, and so a CUDA runtime they were built for."""

FACTS = {
    f"{name}.{key}": meaning
    for name in COMPILED
    for key, meaning in (
        ("version", f"what {name}.__version__ would print"),
        ("cuda", f"CUDA runtime {name} was built for"),
        ("requires", f"the Requires-Dist lines of {name}"),
    )
} | {"triton.version": "version of the installed triton, also by another name (pytorch-triton, triton-windows)"}


def look(at: Looking) -> Facts:
    """Read each partner."""
    if at.unplaced:
        return dict.fromkeys(FACTS, at.unplaced)
    facts: Facts = {}
    for name in COMPILED:
        facts.update(_compiled(at, name))
    facts["triton.version"] = _triton(at)
    return facts


def _triton(at: Looking) -> Fact:
    """Tell the version of the distribution that installs the module triton, whatever its name; the source names it."""
    order = {site: place for place, site in enumerate(at.texts("python.site_packages"))}
    found = sorted(
        (order.get(one.site, len(order)), TRITON.index(name), one)
        for name in TRITON
        for one in at.by_name.get(name, [])[:1]
    )
    triton = found[0][2] if found else None
    denied = at.denied_before(triton.site if triton else None)
    if denied:
        return Unknown(f"{denied} may not be read")
    if triton is None:
        return Absent("no distribution named triton")
    return Known(triton.version, "dist-info" if triton.name == "triton" else f"dist-info of {triton.name}")


def _compiled(at: Looking, name: str) -> Facts:
    """Read one partner from its version.py and from the record beside it."""
    dist = at.distribution(name)
    names = [key for key in FACTS if key.startswith(f"{name}.")]
    denied = at.denied_before(dist.site if dist else None)
    if denied:
        return dict.fromkeys(names, Unknown(f"{denied} may not be read"))
    if dist is None:
        return dict.fromkeys(names, Absent(f"no distribution named {name}"))
    site = _site(at, name) or dist.site
    try:
        written = version_file.parse(at.host.read(os.path.join(site, name, "version.py")))
    except OSError:
        written = None
    beside = at.recorded(name, site, written.version if written else None)
    version = (written.version if written else None) or (beside or dist).version
    requires = records.requirements(at.host, beside) if beside else None
    return {
        f"{name}.version": Known(version, "dist-info" if version == (beside or dist).version else f"{name}/version.py"),
        f"{name}.cuda": Known(written.cuda, f"{name}/version.py") if written and written.cuda else _by_tag(version),
        f"{name}.requires": Known([*requires], "dist-info")
        if requires is not None
        else Absent(f"{name} has no METADATA to read"),
    }


def _site(at: Looking, name: str) -> str | None:
    """Return the folder from which it would be imported; None for an editable installation, whose hook leads on."""
    sites = at.texts("python.site_packages")
    return next((site for site in sites if at.host.is_file(os.path.join(site, name, "__init__.py"))), None)


def _by_tag(version: str) -> Fact:
    """Tell the CUDA of a partner by the local tag of its version: cu126 is 12.6."""
    local = version.partition("+")[2]
    if local.startswith("cu") and local[2:].isdigit() and len(local) >= 4:
        return Known(f"{local[2:-1]}.{local[-1]}", "local version")
    if local == "cpu" or local.startswith(("rocm", "xpu")):
        return Absent(f"its version says +{local[:40]}")
    return Unknown("its files do not say for which CUDA it was built")
