"""The installed distributions, by the names of their dist-info (or older egg-info) entries alone.

The folder's name holds name and version (recording installed projects, PyPA specification). Of torch and its family
more is read by the probes that follow, of all others only what they require of torch (`dependents`). What an entry
costs is measured in `benchmarks/distribution_cost.py`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known, Unknown
from envdoctor.model.names import normalised
from envdoctor.probes.installed import records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.host.host import Host
    from envdoctor.model.fact import Value
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "packages.installed": "every installed distribution: normalised name to version",
    "nvidia.packages": "the CUDA libraries among them: nvidia-*, cuda-*",
}

MOST = 20_000
"""Distributions listed at most; a real environment has hundreds."""

MOST_OF_FAMILY = 1000
"""Distributions of the family listed beyond `MOST`."""

MOST_LEFT = 500
"""Leftovers of interrupted installations listed at most."""

TRITON = ("triton", "pytorch-triton", "pytorch-triton-rocm", "pytorch-triton-xpu", "triton-rocm", "triton-xpu",
          "triton-windows", "triton-nightly")  # fmt: skip
"""Distributions that install the module `triton`: the release, those of PyTorch's indexes, that for Windows."""

FAMILY = frozenset({"torch", "torchvision", "torchaudio", "torchtext", "torchdata", "numpy", "cuda-toolkit", *TRITON})
"""Those that count beyond `MOST` as well (with nvidia-*): a crowded folder must not make torch "not installed"."""

_NAME = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"


@dataclass(frozen=True, slots=True)
class Distribution:
    """One dist-info or egg-info entry: `folder` is its full path, `site` the sys.path entry it lies in."""

    name: str
    version: str
    folder: str
    site: str

    @property
    def of_checkout(self) -> bool:
        """Whether it is the egg-info without a version that a build leaves in a checkout."""
        return self.folder.endswith(".egg-info") and "-" not in self.folder.replace("\\", "/").rpartition("/")[2][:-9]


def look(at: Looking) -> Facts:
    """List the distributions; the first on sys.path wins, as it does for `import`."""
    if "python.site_packages" not in at.facts or isinstance(at.facts["python.site_packages"], Unknown):
        reason = Unknown("the interpreter did not say where its packages are")
        return dict.fromkeys(FACTS, reason)
    denied: list[str] = []
    left: list[tuple[str, str]] = []
    listed: list[Distribution] = []
    beyond = 0
    by_name: dict[str, list[Distribution]] = {}
    for one in installed_in(at.host, at.texts("python.site_packages"), denied, left):
        if len(listed) - beyond >= MOST:
            if not in_family(one.name) or beyond >= MOST_OF_FAMILY:
                continue
            beyond += 1
        listed.append(one)
        by_name.setdefault(one.name, []).append(one)
    at.distributions, at.by_name, at.denied, at.leftovers = tuple(listed), by_name, tuple(denied), tuple(left)
    if denied and not listed:
        return dict.fromkeys(FACTS, Unknown(f"{denied[0]} may not be read"))
    installed: dict[str, Value] = {name: found[0].version for name, found in by_name.items()}
    libraries = {name: installed[name] for name in installed if name.startswith(("nvidia-", "cuda-"))}
    return {
        "packages.installed": Known(installed, "dist-info"),
        "nvidia.packages": Known(libraries, "dist-info"),
    }


def required_name(line: str) -> str:
    """The normalised name that a requirement line begins with; empty for none."""
    named = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}", line)
    return normalised(named[0]) if named else ""


def in_family(name: str) -> bool:
    """Whether a normalised name is torch's, one of its partners or one of the libraries they need."""
    return name in FAMILY or name.startswith("nvidia-")


def installed_in(
    host: Host, sites: list[str], denied: list[str], left: list[tuple[str, str]]
) -> Iterator[Distribution]:
    """Yield what is recorded in each folder of sys.path, in that order.

    A folder that sys.path names twice, also by a link (`lib64` of a virtual environment), counts once. Those
    that are there and may not be read go to `denied`; to `left` what pip's uninstaller moved aside and did not
    take away (`AdjacentTempDirectory`): a tilde stands for the first letter, in older ones a hyphen.
    """
    seen: set[str] = set()
    for site in sites:
        place = os.path.realpath(host.path(site))
        if place in seen:
            continue
        seen.add(place)
        try:
            names = host.listdir(site)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            denied.append(site)
            continue
        if site.endswith(".egg"):
            # What `setup.py install` made: the folder is on sys.path itself and holds its record as EGG-INFO.
            entry = parse_entry(f"{site.replace(chr(92), '/').rpartition('/')[2][:-4]}.egg-info")
            if entry:
                yield Distribution(*entry, os.path.join(site, "EGG-INFO"), site)
        for name in names:
            if name.endswith("-info"):
                entry = parse_entry(name) or _develop(host, site, name)
                if entry:
                    yield Distribution(*entry, os.path.join(site, name), site)
                    continue
            # Of those with a hyphen only records count, as other tools write such names.
            marked = name[0] == "~" or (name[0] == "-" and name.endswith("-info"))
            if marked and len(name) > 1 and len(left) < MOST_LEFT:
                left.append((name, site))


def parse_entry(entry: str) -> tuple[str, str] | None:
    """Return the normalised name and the version of a dist-info or egg-info entry, None for what is neither.

    `torch-2.9.1+cu128.dist-info`; `torch-1.12.1-py3.9.egg-info`, which setuptools wrote before wheels and
    Debian and older conda packages still carry, as a folder or a file.
    """
    if entry.endswith(".dist-info"):
        name, _, version = entry[:-10].rpartition("-")
    elif entry.endswith(".egg-info"):
        name, _, rest = entry[:-9].partition("-")
        version, _, python = rest.partition("-")
        if python and not python.startswith("py"):
            return None
    else:
        return None
    if not name or name.strip(_NAME) or name[0] in "._-":
        return None
    if not (version and version.isascii() and version.isprintable() and " " not in version):
        return None
    return normalised(name), version


def _develop(host: Host, site: str, entry: str) -> tuple[str, str] | None:
    """Read `torch.egg-info`, which `setup.py develop` leaves in a checkout, for the family alone."""
    name = entry[:-9] if entry.endswith(".egg-info") else ""
    if not name or name.strip(_NAME) or not in_family(normalised(name)):
        return None
    version = records.field(host, os.path.join(site, entry, "PKG-INFO"), "Version")
    return (normalised(name), version) if version else None
