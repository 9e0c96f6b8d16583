"""The layers of sys.path: which folder of packages is the environment's, the user's, the system's, another's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes.installed import pyvenv
from envdoctor.probes.project_files import posix

if TYPE_CHECKING:
    from envdoctor.host.host import Host
    from envdoctor.model.fact import Value
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "python.layers": "folders of packages in order of sys.path, each with its kind: environment, user, system, "
    "dist-packages (Debian's, pip's among them) or other (PYTHONPATH, a .pth file)",
    "python.user_site": "the user's own folder of packages where it is on sys.path",
    "python.system_site": "whether a virtual environment sees the packages of the Python behind it",
}

_USER = (
    r"/(?:\.local/lib/python3[^/]*|AppData/Roaming/Python/Python3\d+|Library/Python/3\.\d+/lib/python)/site-packages/$"
)
"""The user's folder by its place (`site.getusersitepackages`), for an interpreter that does not name it."""

HOMEBREW = ("/opt/homebrew/lib/python3", "/usr/local/lib/python3", "/home/linuxbrew/.linuxbrew/lib/python3")
"""Where Homebrew's Pythons have their packages, outside their own prefix."""


def look(at: Looking) -> Facts:
    """Sort the folders of sys.path."""
    prefix = at.text("python.prefix")
    if prefix is None or isinstance(at.facts.get("python.site_packages"), Unknown):
        return dict.fromkeys(FACTS, Unknown("the interpreter did not say where its packages are"))
    folders = at.texts("python.site_packages")
    base = at.text("python.base_prefix") or prefix
    kind = at.text("python.environment") or "standalone"
    user = _user_site(at, folders)
    kinds = {folder: _kind(at.host, folder, prefix, base, user, kind) for folder in folders}
    rows: list[Value] = [{"folder": folder, "kind": kinds[folder]} for folder in folders]
    return {
        "python.layers": Known(rows, "sys.path"),
        "python.user_site": Known(user, "interpreter") if user else Absent("it is not on sys.path"),
        "python.system_site": _system_site(at.host, prefix, kind, list(kinds.values())),
    }


def kind_of(at: Looking, folder: str) -> str:
    """Return the kind of a folder of sys.path, `other` for one that is none."""
    return next((str(row.get("kind")) for row in at.rows("python.layers") if row.get("folder") == folder), "other")


def _user_site(at: Looking, folders: list[str]) -> str | None:
    """Return the user's folder; a machine recorded without it tells it by its place."""
    if "user_site" in at.told:
        told = at.told["user_site"]
        return told if isinstance(told, str) and told in folders else None
    return next((folder for folder in folders if re.search(_USER, f"{posix(at.host, folder).rstrip('/')}/")), None)


def _kind(host: Host, folder: str, prefix: str, base: str, user: str | None, environment: str) -> str:
    if folder == user:
        return "user"
    place, own, behind = (f"{posix(host, path).rstrip('/')}/" for path in (folder, prefix, base))
    name = place.rstrip("/").rpartition("/")[2]
    if name == "dist-packages":
        return "dist-packages"
    # On Windows the prefix itself is on sys.path (`site.getsitepackages`).
    is_place = name == "site-packages"
    if place == own or (is_place and place.startswith(own)):
        return "system" if environment == "system" else "environment"
    if place == behind or (is_place and place.startswith(behind)):
        return "system"
    if is_place and "python@" in behind and place.startswith(HOMEBREW):
        return "system"
    return "other"


def _system_site(host: Host, prefix: str, kind: str, kinds: list[str]) -> Fact:
    """Tell what pyvenv.cfg says; without the setting the packages are seen, as `site` has it."""
    if kind != "venv":
        return Absent("it is no virtual environment")
    config = pyvenv.read(host, prefix)
    if config is None:
        return Known(bool({"system", "dist-packages"} & set(kinds)), "sys.path")
    return Known(config.get("include-system-site-packages", "true").lower() == "true", "pyvenv.cfg")
