"""Files and folders called torch (torchvision, numpy, ...) that `import` meets before the installed package.

Where `import` looks: the folder of the script, or for `-c`, `-m` and a console the working directory; then sys.path,
on which the folders of PYTHONPATH come first. In each folder a package goes before an extension module, that before
a module, and a folder without `__init__` is passed over for a later one that has it (Python documentation,
"The import system"; `importlib.machinery.FileFinder`).

What is itself an installation hides nothing by mistake: a folder with a record of the package, or one whose package
holds the compiled object that every build of it has.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known
from envdoctor.probes.installed.whole_package import NAMES, holds_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.fact import Value
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "python.local_modules": "modules called torch, torchvision, torchaudio, numpy or triton that `import` meets before "
    "the installed package: module, path, where it comes from (working directory, PYTHONPATH, sys.path) and the path "
    "of the package it hides",
}

CWD = "working directory"


def look(at: Looking) -> Facts:
    """Look into the folders before the installed packages."""
    if at.unplaced:
        return {"python.local_modules": at.unplaced}
    rows: list[Value] = []
    for name in NAMES:
        site = _installed(at, name)
        if site is not None:
            hidden = os.path.join(site, name)
            found = next(_before(at, name, site), None)
            if found is not None:
                folder, path = found
                rows.append({"module": name, "path": path, "from": _origin(at, folder), "hides": hidden})
    return {"python.local_modules": Known(rows, "files")}


def _installed(at: Looking, name: str) -> str | None:
    """Return the folder of sys.path that holds the installed package; None for none, and for one in a checkout."""
    return next((site for site in at.texts("python.site_packages") if holds_whole(at, site, name)), None)


def _before(at: Looking, name: str, installed: str) -> Iterator[tuple[str, str]]:
    """Yield the folders before the installed package that hold a module of that name, and the module's path.

    Those that concern every program come first, as they matter most.
    """
    sites = at.texts("python.site_packages")
    for folder in sites[: sites.index(installed)]:
        path = _module(at, folder, name)
        if path is not None:
            yield folder, path
    cwd = _looked_in_first(at)
    if cwd is None or os.path.realpath(cwd) in {os.path.realpath(site) for site in sites}:
        return
    path = _module(at, cwd, name)
    if path is not None and not holds_whole(at, cwd, name):
        yield cwd, path


def _looked_in_first(at: Looking) -> str | None:
    """Return the working directory, None where Python does not look there (`-P`, `-I`, PYTHONSAFEPATH)."""
    flags = at.told.get("flags")
    if isinstance(flags, dict) and (flags.get("safe_path") or flags.get("isolated")):
        return None
    return at.cwd


def _module(at: Looking, folder: str, name: str) -> str | None:
    """Return what `import` would load from a folder under that name, None for nothing."""
    tag = (at.text("python.tag") or "").removeprefix("cp")
    natives = [f".cpython-{tag}-{at.text('python.machine')}-linux-gnu.so", ".abi3.so", ".so"]
    if at.host.os == "windows":
        natives = [f".cp{tag}-win_amd64.pyd", ".pyd"]
    elif at.host.os == "macos":
        natives[0] = f".cpython-{tag}-darwin.so"
    endings = (*natives, ".py", ".pyc")
    for relative in (
        *(os.path.join(name, f"__init__{ending}") for ending in endings),
        *(name + one for one in endings),
    ):
        path = os.path.join(folder, relative)
        if at.host.is_file(path) and _spelled_so(at, folder, relative):
            return path
    return None


def _spelled_so(at: Looking, folder: str, relative: str) -> bool:
    """Whether the first part of a path is spelled so on disk: macOS and Windows find `Torch.py` too, `import` not."""
    try:
        return relative.split(os.sep)[0] in at.host.listdir(folder)
    except OSError:  # a folder may be passed and not listed
        return True


def _origin(at: Looking, folder: str) -> str:
    """Tell how a folder comes to be looked into."""
    if folder not in at.texts("python.site_packages"):
        return CWD
    between = ";" if at.host.os == "windows" else ":"
    named = (at.text("env.PYTHONPATH") or "").split(between)
    places = {os.path.normpath(os.path.join(at.cwd or "/", one)) for one in named}
    return "PYTHONPATH" if os.path.normpath(folder) in places else "sys.path"
