"""Which libcuda CUDA programs of this environment load: the driver's own, or one of a forward-compat package.

A program loads the first `libcuda.so.1` of the folders of LD_LIBRARY_PATH, of `ld.so.cache` and of the loader's
default folders (ld.so(8)). The driver puts its own into a default folder, under a file name that carries the
driver version. NVIDIA's cuda-compat packages and images hold that of a newer driver in `/usr/local/cuda*/compat`;
it is in effect only where a setting puts that folder first (CUDA Compatibility guide, forward compatibility).

Where libcuda answered, the file it was loaded from decides. Otherwise, as for a recorded machine, the search is
repeated on the files.
"""

from __future__ import annotations

import os
import posixpath
import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envdoctor.host.host import Host
    from envdoctor.model.fact import Value
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "cuda.library": "the libcuda that CUDA programs of this environment load",
    "cuda.library_version": "the driver version in the name of that file",
    "cuda.compat": "folder of the forward-compat libcuda that the loader takes before the driver's own",
    "cuda.compat_folders": "forward-compat folders on disk, in effect or not: folder and driver version",
    "driver.wsl_library": "the libcuda that the Windows driver lends to WSL2, where it is there",
}

SONAME = "libcuda.so.1"
VERSIONED = r"libcuda\.so\.(\d{3}\.\d{1,4}(?:\.\d{1,4})?)"
COMPAT = r"/(?:cuda-)?compat(?:/lib|/lib\.real)?/?$"
"""Folders of NVIDIA's packages and images; NGC's keep the files in `compat/lib.real`, and link `lib` when in use."""
WSL_LIBRARY = f"/usr/lib/wsl/lib/{SONAME}"
TOOLKITS = "/usr/local"
CACHE, CONF = "/etc/ld.so.cache", "/etc/ld.so.conf"
OTHER_MACHINE = ("/i386-linux-gnu/", "/lib32/")
"""Folders of 32-bit libraries, which stand in the same index."""
MOST_LINKS = 40
MOST_FOLDERS = 256
DEFAULT_FOLDERS = {
    "x86_64": ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"),
    "aarch64": ("/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"),
}


class Driver:
    """What is told of the driver itself: its facts, its `version`, the CUDA version it brings."""

    __slots__ = ("api", "facts", "version")  # no dataclass: making one costs more than this probe's whole look

    def __init__(self, facts: Facts, version: str | None, api: str | None) -> None:
        self.facts = facts
        self.version = version
        self.api = api

    def owns(self, found: Found) -> bool | None:
        """Whether a libcuda is the driver's own by its version; None where one of the versions is not told."""
        if found.version is None or self.version is None:
            return None
        # After an upgrade without a reboot the driver on disk is another than the one in memory.
        return found.version in (self.version, _text(self.facts.get("driver.library_version")))


class Found:
    """A libcuda on disk: the `folder` it was found in, its real `path`, and the `version` in the name of that."""

    __slots__ = ("folder", "path")

    def __init__(self, folder: str, path: str) -> None:
        self.folder = folder
        self.path = path

    @property
    def version(self) -> str | None:
        """The driver version that the real file name carries, None for `libcuda.so.1` and the like."""
        match = re.fullmatch(VERSIONED, posixpath.basename(self.path))
        return match[1] if match else None

    @property
    def in_compat_folder(self) -> bool:
        """Whether it lies in a folder of the kind that forward-compat packages use."""
        return any(re.search(COMPAT, folder) for folder in (self.folder, posixpath.dirname(self.path)))


def look(at: Looking, told: list[dict[str, Value]], driver: Facts, own_api: str | None) -> Facts:
    """Tell by the libcuda child's own words (`told`), else by the files.

    `driver` are the driver's facts, `own_api` the CUDA version of the driver itself, as NVML told it.
    """
    host = at.host
    if host.os != "linux":
        return {**_elsewhere(host, told), "driver.wsl_library": Absent(f"{host.os} is not WSL2")}
    lends = host.is_file(WSL_LIBRARY)
    version = _text(driver.get("driver.version"))
    searched = library_path(host)
    on_disk = _compat_folders(host, searched, version)
    folders: list[Value] = [{"folder": one.folder, "version": one.version} for one in on_disk]
    return {
        **_in_effect(host, told, searched, Driver(driver, version, own_api)),
        "cuda.compat_folders": Known(folders, "files"),
        "driver.wsl_library": Known(WSL_LIBRARY, "files") if lends else Absent(f"there is no {WSL_LIBRARY}"),
    }


def _elsewhere(host: Host, told: list[dict[str, Value]]) -> Facts:
    """Tell of systems other than Linux, which have no forward-compat packages."""
    library = _said(told)
    none = Absent(f"{host.os} has no forward-compat libraries")
    path: Fact = Known(library, "libcuda") if library else Unknown("libcuda did not say where it lies")
    version: Fact = Unknown("the name of the file does not carry it")
    if any("missing" in words for words in told) or host.os == "macos":
        path = version = Absent("the CUDA driver library was not found")
    elif not library:
        version = path
    return {
        "cuda.library": path,
        "cuda.library_version": version,
        "cuda.compat": none,
        "cuda.compat_folders": Known([], "files"),
    }


def _said(told: list[dict[str, Value]]) -> str | None:
    """Return the file that libcuda was loaded from, as its child said."""
    path = next((words["library"] for words in told if isinstance(words.get("library"), str)), None)
    return path[:4096] if isinstance(path, str) else None


def _in_effect(host: Host, told: list[dict[str, Value]], searched: tuple[str, ...], driver: Driver) -> Facts:
    """Tell which libcuda is loaded, and whether it is of a forward-compat folder."""
    if any("missing" in words for words in told):
        gone = Absent(f"the loader finds no {SONAME}")
        return dict.fromkeys(("cuda.library", "cuda.library_version", "cuda.compat"), gone)
    answered = any("version" in words or "init" in words for words in told)
    said = _said(told)
    found, source, doubt = Found(posixpath.dirname(said or ""), said or ""), "libcuda", ""
    if said is None:
        there, source, doubt = _search(host, searched)
        if there is None:
            return _not_found(driver, doubt, answered=answered)
        found = there
    name: Fact = Unknown(f"{posixpath.basename(found.path)} does not carry its version in its name")
    return {
        "cuda.library": Known(found.path, source),
        "cuda.library_version": Known(found.version, found.path) if found.version else name,
        "cuda.compat": Unknown(doubt) if doubt else _compat(found, source, driver, answered=answered),
    }


def _not_found(driver: Driver, doubt: str, *, answered: bool) -> Facts:
    """Tell of a libcuda that is in none of the folders searched; `doubt` says why the search may be incomplete."""
    if not doubt and not answered:
        gone = Absent(f"{SONAME} is in no folder that the loader searches")
        return dict.fromkeys(("cuda.library", "cuda.library_version", "cuda.compat"), gone)
    unknown = Unknown(doubt or "libcuda answered, and did not say which file it is")
    # Where it answered, its own CUDA version counts, whatever folder it came from.
    compat = _by_api(driver, "a folder that it did not name") if answered else unknown
    return {"cuda.library": unknown, "cuda.library_version": unknown, "cuda.compat": compat}


def _compat(found: Found, source: str, driver: Driver, *, answered: bool) -> Fact:
    """Tell whether the libcuda in effect is of a forward-compat folder: by its folder, else by its version."""
    if found.in_compat_folder:
        return Known(found.folder, source)
    own = driver.owns(found)
    if own is not None:
        return Absent(f"{found.path} is that of the driver") if own else Known(found.folder, source)
    if answered:
        return _by_api(driver, found.folder)
    if found.version is None and not _usual(found.folder):
        return Unknown(f"{found.path} does not carry the version of its driver in its name")
    return Absent(f"{found.path} is where drivers put their own")


def _usual(folder: str) -> bool:
    """Whether drivers put libcuda into a folder under any name: Jetson and WSL2 give it no version."""
    lent = ("/usr/lib/wsl/", "/usr/local/nvidia/", "/run/opengl-driver/", "/usr/lib/aarch64-linux-gnu/")
    return f"{folder}/".startswith(lent) or any(folder in folders for folders in DEFAULT_FOLDERS.values())


def _by_api(driver: Driver, folder: str) -> Fact:
    """Compare libcuda's CUDA version with NVML's, which is that of the driver itself."""
    loaded = _text(driver.facts.get("driver.cuda_version"))
    if driver.api is not None and loaded is not None and _number(loaded) > _number(driver.api):
        return Known(folder, "libcuda is of a newer CUDA than the driver")
    return Absent("libcuda answered, and is of no newer CUDA than the driver")


def _number(dotted: str) -> tuple[int, ...]:
    return tuple(int(part) for part in dotted.split("."))


def _text(fact: Fact | None) -> str | None:
    return fact.value if isinstance(fact, Known) and isinstance(fact.value, str) else None


def library_path(host: Host) -> tuple[str, ...]:
    """Return the folders of LD_LIBRARY_PATH as written; what is no absolute folder is kept, as it may count."""
    folders = host.environ.get("LD_LIBRARY_PATH", "").replace(";", ":").split(":", MOST_FOLDERS)[:MOST_FOLDERS]
    return tuple(dict.fromkeys(folder for folder in folders if folder))


def _search(host: Host, searched: Iterable[str]) -> tuple[Found | None, str, str]:
    """Repeat the loader's search: what it finds, where that was named, and what leaves it in doubt (nothing: "")."""
    for folder in searched:
        if not folder.startswith("/") or "$" in folder:
            return None, "", f"LD_LIBRARY_PATH names a folder that depends on the program: {folder[:80]}"
        found = _at(host, folder)
        if found:
            return found, "LD_LIBRARY_PATH", ""
    paths, doubt = _cached(host)
    for path in paths:
        found = _at(host, posixpath.dirname(path))
        if found:
            return found, CACHE, doubt if found.in_compat_folder else ""
    for folder in DEFAULT_FOLDERS.get(host.machine, ()):
        found = _at(host, folder)
        if found:
            return found, "default folders of the loader", ""
    return None, "", ""


def _cached(host: Host) -> tuple[tuple[str, ...], str]:
    """Return what the loader's index says of libcuda; without an index, what it would be made from, in doubt."""
    from envdoctor.binary.ld_cache import NotCache, conf_folders, read_cache  # only where libcuda did not answer

    try:
        paths = read_cache(host.path(CACHE)).get(SONAME, ())
        return tuple(path for path in paths if not any(part in path for part in OTHER_MACHINE)), ""
    except NotCache as problem:
        folders = conf_folders(CONF, host.read, host.listdir)
        doubt = f"{CACHE} tells nothing ({problem.reason}), and {CONF} names a forward-compat folder"
        return tuple(posixpath.join(folder, SONAME) for folder in folders), doubt


def _compat_folders(host: Host, searched: Iterable[str], version: str | None) -> list[Found]:
    """Find the forward-compat folders: of the CUDA toolkits, and of LD_LIBRARY_PATH whatever their name."""
    try:
        toolkits = [name for name in host.listdir(TOOLKITS) if name.startswith("cuda")][:MOST_FOLDERS]
    except OSError:
        toolkits = []
    usual = [f"{TOOLKITS}/{name}/compat{below}" for name in toolkits for below in ("", "/lib", "/lib.real")]
    found: dict[str, Found] = {}
    for folder in (*(folder for folder in searched if folder.startswith("/")), *usual):
        one = _at(host, folder)
        if one is None:
            continue
        other = one.version is not None and version is not None and one.version != version
        if one.in_compat_folder or other:
            found.setdefault(one.path, one)
    return list(found.values())


def _at(host: Host, folder: str) -> Found | None:
    """Return the libcuda of a folder, None where there is none."""
    path = posixpath.join(folder, SONAME)
    if host.root == "/" and not host.exists(path):
        return None
    real = _real(host, path)
    return Found(folder, real) if host.is_file(real) else None


def _real(host: Host, path: str) -> str:
    """Resolve links inside the machine, so that an absolute link of a recorded tree stays in that tree."""
    if host.root == "/":
        return os.path.realpath(path)
    done, rest, links = "/", path.split("/"), 0
    while rest:
        part = rest.pop(0)
        if part in ("", "."):
            continue
        if part == "..":
            done = posixpath.dirname(done)
            continue
        here = posixpath.join(done, part)
        try:
            target = host.readlink(here)
        except (OSError, ValueError):
            done = here
            continue
        links += 1
        if links > MOST_LINKS:
            return path
        rest[:0] = target.split("/")
        done = "/" if target.startswith("/") else done
    return done
