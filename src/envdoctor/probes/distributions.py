"""The installed distributions, by the names of their dist-info (or older egg-info) entries alone.

Reading 250 METADATA files costs more than the rest of a check; the folder's name holds name and version
(recording installed projects, PyPA specification). Only torch and its partners are read further.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.host.host import Host
    from envdoctor.model.fact import Value
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "packages.installed": "every installed distribution: normalised name to version",
    "nvidia.packages": "the CUDA libraries among them: nvidia-*, cuda-*",
}

DIST_INFO = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*?)-(?P<version>[!-,.-~]+)\.dist-info")
EGG_INFO = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._]*)-(?P<version>[!-,.-~]+?)(?:-py3(?:\.\d+)?)?\.egg-info")
# setuptools before wheels, still what Debian and older conda packages carry: torch-1.12.1-py3.9.egg-info
MOST = 20_000
"""Distributions listed at most; a real environment has hundreds."""

EXAMINED = frozenset({"torch", "torchvision", "torchaudio", "triton"})
"""Those that count beyond `MOST` as well: a crowded folder must not make torch "not installed"."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """One dist-info or egg-info entry: `folder` is its full path, `site` the sys.path entry it lies in."""

    name: str
    version: str
    folder: str
    site: str


def look(at: Looking) -> Facts:
    """List the distributions; the first on sys.path wins, as it does for `import`."""
    if "python.site_packages" not in at.facts or isinstance(at.facts["python.site_packages"], Unknown):
        reason = Unknown("the interpreter did not say where its packages are")
        return dict.fromkeys(FACTS, reason)
    denied: list[str] = []
    found = installed_in(at.host, at.texts("python.site_packages"), denied)
    listed = [*islice(found, MOST)]
    at.distributions = (*listed, *(other for other in found if other.name in EXAMINED))
    at.denied = tuple(denied)
    if denied and not at.distributions:
        return dict.fromkeys(FACTS, Unknown(f"{denied[0]} may not be read"))
    installed: dict[str, Value] = {}
    for distribution in at.distributions:
        installed.setdefault(distribution.name, distribution.version)
    libraries = {name: installed[name] for name in installed if name.startswith(("nvidia-", "cuda-"))}
    return {
        "packages.installed": Known(installed, "dist-info"),
        "nvidia.packages": Known(libraries, "dist-info"),
    }


def installed_in(host: Host, sites: list[str], denied: list[str] | None = None) -> Iterator[Distribution]:
    """Yield what is recorded in each folder of sys.path, in that order.

    Those that are there and may not be read go to `denied`.
    """
    for site in dict.fromkeys(sites):
        try:
            names = host.listdir(site)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            if denied is not None:
                denied.append(site)
            continue
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                match = DIST_INFO.fullmatch(name) or EGG_INFO.fullmatch(name)
                if match:
                    yield Distribution(normalised(match["name"]), match["version"], os.path.join(site, name), site)


def requirements(host: Host, distribution: Distribution) -> list[str] | None:
    """Return its `Requires-Dist` lines as written, None when METADATA cannot be read."""
    try:
        metadata = host.read(os.path.join(distribution.folder, "METADATA"))
    except OSError:
        return None
    head = metadata.replace("\r\n", "\n").split("\n\n", 1)[0]
    return [line[14:].strip() for line in head.splitlines() if line.startswith("Requires-Dist:")]


def installer(host: Host, distribution: Distribution) -> str | None:
    """Return what INSTALLER says (`pip`, `uv`, `conda`), None when it says nothing."""
    try:
        return host.read(os.path.join(distribution.folder, "INSTALLER"), 256).strip() or None
    except OSError:
        return None


def normalised(name: str) -> str:
    """Return the normalised name of a distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
