"""What kind of environment the interpreter belongs to, and which tool made it: by marks on disk alone.

Nothing is run and no tool is asked; each of these marks was left by the tool that made the environment.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes.installed import pyvenv
from envdoctor.probes.project_files import keeper, posix, project_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.host.host import Host
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "python.environment": "venv, conda, conda-base, system, or standalone: a Python that is part of nothing else "
    "(pyenv, python.org, uv)",
    "python.manager": "tool that made the environment: venv, virtualenv, uv, poetry, pipx, pdm, hatch, pixi, conda, "
    "pyenv, ...",
}

RECEIPTS = {"pipx_metadata.json": "pipx", "uv-receipt.toml": "uv", "rye-venv.json": "rye"}
"""Files that a tool leaves in an environment it made for a program or a project."""

FOLDERS = (
    ("/pypoetry/virtualenvs/", "poetry"),
    ("/pypoetry/Cache/virtualenvs/", "poetry"),
    ("/pdm/venvs/", "pdm"),
    ("/hatch/env/virtual/", "hatch"),
    ("/.hatch/", "hatch"),
    ("/pipx/venvs/", "pipx"),
    ("/.tox/", "tox"),
    ("/.nox/", "nox"),
)
"""Where tools keep environments they make, on each system below the user's data or cache folder."""

STANDALONE = (
    ("/.pyenv/versions/", "pyenv"),
    ("/pyenv-win/versions/", "pyenv"),
    ("/uv/python/", "uv"),
    ("/.asdf/installs/python/", "asdf"),
    ("/mise/installs/python/", "mise"),
    ("/rye/py/", "rye"),
)
"""Where tools keep whole Pythons."""

STORES = (
    ("/nix/store/", "nix"),
    ("/gnu/store/", "guix"),
    ("/Cellar/python@", "homebrew"),
    ("/opt/python@", "homebrew"),
    ("/linuxbrew/", "homebrew"),
)
"""Where a package manager of the whole system keeps its Pythons."""

SYSTEM = ("/System/Library/", "/Library/Developer/CommandLineTools/", "/Applications/Xcode.app/")
"""Where Apple's own Pythons lie; those of Linux distributions have the prefix `/usr`."""


def look(at: Looking) -> Facts:
    """Tell the kind by the prefixes and the marks in them."""
    prefix = at.text("python.prefix")
    if prefix is None:
        return dict.fromkeys(FACTS, Unknown("the interpreter did not say where its environment is"))
    base = at.text("python.base_prefix") or prefix
    config = pyvenv.read(at.host, prefix)
    kind, source = _kind(at.host, prefix, base, config)
    made = _maker(at.host, prefix, config, kind)
    manager: Fact = Known(*made) if made else Absent("no mark of a tool that made it")
    return {"python.environment": Known(kind, source), "python.manager": manager}


def _kind(host: Host, prefix: str, base: str, config: Mapping[str, str] | None) -> tuple[str, str]:
    if prefix != base or config is not None:
        return "venv", "pyvenv.cfg" if config is not None else "sys.prefix"
    if host.is_dir(os.path.join(prefix, "conda-meta")):
        return ("conda-base" if _is_base(host, prefix) else "conda"), "conda-meta"
    place = posix(host, prefix).rstrip("/") + "/"
    if place in ("/usr/", "/") or place.startswith(SYSTEM) or any(mark in place for mark, _ in STORES):
        return "system", "sys.prefix"
    if _old_virtualenv(host, prefix):
        return "venv", "orig-prefix.txt"
    return "standalone", "sys.prefix"


def _is_base(host: Host, prefix: str) -> bool:
    """Whether a conda prefix is the base: conda itself lies there, or the cache of all environments."""
    parts = posix(host, prefix).rstrip("/").rsplit("/", 2)
    if len(parts) > 1 and parts[-2] == "envs":
        return False
    return any(host.is_dir(os.path.join(prefix, name)) for name in ("condabin", "pkgs"))


def _maker(host: Host, prefix: str, config: Mapping[str, str] | None, kind: str) -> tuple[str, str] | None:
    """Return the tool that made the environment and the mark that says so, None where there is no mark."""
    place = posix(host, prefix).rstrip("/") + "/"
    if kind.startswith("conda"):
        if "/.pixi/envs/" in place or host.is_file(os.path.join(prefix, "conda-meta", "pixi")):
            return "pixi", "conda-meta"
        return "conda", "conda-meta"
    if kind == "venv":
        return _maker_of_venv(host, prefix, place, config)
    for mark, tool in STORES if kind == "system" else STANDALONE:
        if mark in place:
            return tool, "sys.prefix"
    root = host.environ.get("PYENV_ROOT", "") if kind == "standalone" else ""
    if root and place.startswith(f"{posix(host, root).rstrip('/')}/versions/"):
        return "pyenv", "PYENV_ROOT"
    return None


def _maker_of_venv(host: Host, prefix: str, place: str, config: Mapping[str, str] | None) -> tuple[str, str]:
    for receipt, tool in RECEIPTS.items():
        if host.is_file(os.path.join(prefix, receipt)):
            return tool, receipt
    for mark, tool in FOLDERS:
        if mark in place:
            return tool, "sys.prefix"
    if "/virtualenvs/" in place and host.is_file(os.path.join(prefix, ".project")):
        return "pipenv", ".project"
    if config is None:
        return ("virtualenv", "orig-prefix.txt") if _old_virtualenv(host, prefix) else ("venv", "sys.prefix")
    folder = project_folder(place)
    kept = keeper(host, folder, by_uv="uv" in config) if folder else None
    if kept and kept[0] != "uv":  # uv itself says so in pyvenv.cfg
        return kept
    for mark in ("uv", "virtualenv"):
        if mark in config:
            return mark, "pyvenv.cfg"
    return "venv", "pyvenv.cfg"


def _old_virtualenv(host: Host, prefix: str) -> bool:
    """Whether virtualenv before 20 made it, which wrote no pyvenv.cfg and keeps sys.base_prefix to itself."""
    try:
        versions = [name for name in host.listdir(os.path.join(prefix, "lib")) if name.startswith("python3")]
    except (OSError, ValueError):
        return False
    return any(host.is_file(os.path.join(prefix, "lib", name, "orig-prefix.txt")) for name in versions)
