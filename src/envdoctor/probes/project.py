"""The project that keeps the environment's packages in a file of its own, and whether this user may change them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes.project_files import IN_PIXI, keeper, posix, project_folder

if TYPE_CHECKING:
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "python.project": "folder of the project whose environment this is, where its place tells",
    "python.project_tool": "tool whose files in that folder name the packages: uv, poetry, pdm, pixi",
    "python.prefix_writable": "whether this user may write to the folder of the environment's packages",
}


def look(at: Looking) -> Facts:
    """Look at the files beside the environment, and ask whether its packages may be changed."""
    prefix = at.text("python.prefix")
    if prefix is None:
        return dict.fromkeys(FACTS, Unknown("the interpreter did not say where its environment is"))
    place = posix(at.host, prefix)
    folder = project_folder(place)
    kept = _kept(at, folder, place) if folder else None
    none = Absent("no files of a project beside the environment")
    return {
        "python.project": Known(folder, kept[1]) if folder and kept else none,
        "python.project_tool": Known(*kept) if kept else none,
        "python.prefix_writable": _writable(at, prefix),
    }


def _kept(at: Looking, folder: str, place: str) -> tuple[str, str] | None:
    if IN_PIXI in f"{place}/":
        return "pixi", "sys.prefix"
    return keeper(at.host, folder, by_uv=at.text("python.manager") == "uv")


def _writable(at: Looking, prefix: str) -> Fact:
    """Ask for the first folder of packages that belongs to the prefix; on Windows access(2) knows no permissions."""
    inside = f"{posix(at.host, prefix).rstrip('/')}/"
    places = (folder for folder in at.texts("python.site_packages") if posix(at.host, folder).startswith(inside))
    return Known(at.host.may_open(next(places, prefix)), "access(2)")
