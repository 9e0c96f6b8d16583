"""Compiles the stand-in driver libraries, and objects that need libraries which are not there.

Real objects rather than mocks: the loader, ctypes and nvidia-ml-py treat them as they treat the real ones.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCES = Path(__file__).parent
LIBRARIES = {"nvml.c": "libnvidia-ml.so.1", "cuda.c": "libcuda.so.1"}
SHARED = ("-shared", "-fPIC")


class CannotCompile(Exception):
    """There is no C compiler here, or it refused a source; the text says which."""


def compiler() -> str:
    """Path of the C compiler; raises `CannotCompile` where there is none."""
    found = shutil.which("cc")
    if found is None:
        raise CannotCompile("no C compiler: `cc` is not on PATH")
    return found


def _compile(*arguments: str | Path) -> None:
    done = subprocess.run([compiler(), *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotCompile(f"`cc` failed with {done.returncode}:\n{done.stderr}")


def _own_cache() -> Path:
    """A folder for this user alone: loading code from one that others can write would run theirs."""
    name = f"envdoctor-standin-{os.getuid()}"
    cache = Path(tempfile.gettempdir()) / name
    cache.mkdir(mode=0o700, exist_ok=True)
    if cache.stat().st_uid != os.getuid() or cache.is_symlink():
        return Path(tempfile.mkdtemp(prefix=name))
    return cache


def build_standin(*, old: bool = False) -> Path:
    """The folder that holds `libnvidia-ml.so.1` and `libcuda.so.1`, compiled now unless it already stands.

    With `old`, libraries that lack what a driver of branch 375 lacks. The name is a hash of the sources, so
    that test workers share one build; a rename makes it appear whole. Raises `CannotCompile`.
    """
    variant = ("-DSTANDIN_OLD",) if old else ()
    identity = "\0".join((compiler(), platform.machine(), *SHARED, *variant)).encode()
    for source in sorted(SOURCES.glob("*.[ch]")):
        identity += source.read_bytes()
    cache = _own_cache()
    ready = cache / hashlib.sha256(identity).hexdigest()[:16]
    if ready.is_dir():
        return ready
    with tempfile.TemporaryDirectory(prefix="growing-", dir=cache) as scratch:
        growing = Path(scratch, "built")
        growing.mkdir()
        for name, library in LIBRARIES.items():
            flags = (*SHARED, *variant, "-O1", "-fvisibility=hidden", f"-Wl,-soname,{library}")
            _compile(*flags, "-o", growing / library, SOURCES / name)
        try:
            growing.rename(ready)
        except OSError:
            if not ready.is_dir():  # otherwise another worker was first, and its build is the same
                raise
    return ready


def build_shared_object(path: Path, needs: Sequence[str] = (), *, runpath: Sequence[str] = ()) -> None:
    """Write an ELF shared object to `path` that names each soname of `needs` as NEEDED.

    The needed libraries exist only while it is linked; `runpath` becomes its RUNPATH, `$ORIGIN` and all.
    Raises `CannotCompile`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        empty = Path(scratch, "empty.c")
        empty.write_text("int envdoctor_test_object;\n")
        needed = [Path(scratch, soname) for soname in needs]
        for library in needed:
            _compile(*SHARED, f"-Wl,-soname,{library.name}", "-o", library, empty)
        search = (f"-Wl,--enable-new-dtags,-rpath,{':'.join(runpath)}",) if runpath else ()
        _compile(*SHARED, f"-Wl,-soname,{path.name}", "-Wl,--no-as-needed", *search, "-o", path, empty, *needed)
