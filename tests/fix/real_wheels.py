"""Real wheels for a real index, made again from environments that hold them, and those environments to be broken.

A wheel is what its installer wrote, file by file as RECORD names them; nothing is downloaded twice.
"""

from __future__ import annotations

import csv
import os
import shutil
import zipfile
from pathlib import Path, PurePosixPath

import pytest

OF_THE_INSTALLER = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json")


def real_environment(variable: str) -> Path:
    """The folder of the real environment that a variable names; skips the test where there is none."""
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"{variable} names no environment (make test-real makes them)")
    return Path(folder)


def site_of(environment: Path) -> Path:
    return next((environment / "lib").glob("python3*")) / "site-packages"


def rebuilt(environment: Path, name: str, folder: Path, *, local: str = "") -> Path:
    """Write the wheel of an installed distribution into a folder, stored and not compressed.

    `local` is added to its version: the wheel index calls `2.14.1+cu130` what the package index calls `2.14.1`. Console
    scripts come back by their entry points.
    """
    site = site_of(environment)
    (info,) = site.glob(f"{name.replace('-', '_')}-*.dist-info")
    version = info.name.removesuffix(".dist-info").rpartition("-")[2]
    called = f"{name.replace('-', '_')}-{version}{local}"
    tags = [line.split(": ")[1] for line in (info / "WHEEL").read_text().splitlines() if line.startswith("Tag: ")]
    python, abi, _ = tags[0].split("-")
    platforms = ".".join(dict.fromkeys(tag.split("-")[2] for tag in tags))
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{called}-{python}-{abi}-{platforms}.whl"
    rows = []
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as archive, (info / "RECORD").open(newline="") as record:
        for path, sha, size in csv.reader(record):
            inside = PurePosixPath(path)
            if inside.parts[0] == ".." or "__pycache__" in inside.parts:
                continue
            if inside.parts[0] == info.name and inside.name in OF_THE_INSTALLER:
                continue
            if inside.parts[0] == info.name:
                inside = PurePosixPath(f"{called}.dist-info", *inside.parts[1:])
            if inside.name == "METADATA" and local:
                text = (site / path).read_text(encoding="utf-8")
                archive.writestr(
                    str(inside), text.replace(f"\nVersion: {version}\n", f"\nVersion: {version}{local}\n", 1)
                )
                rows.append((inside, "", ""))
                continue
            archive.write(site / path, str(inside))
            rows.append((inside, sha, size))
        written = "".join(f'"{path}",{sha},{size}\n' for path, sha, size in rows)
        archive.writestr(f"{called}.dist-info/RECORD", f"{written}{called}.dist-info/RECORD,,\n")
    return wheel


def linked(real: Path, folder: Path) -> None:
    """Copy an environment as uv's `--link-mode symlink` makes one: each file of its packages is a link to elsewhere.

    So a repair of several gigabytes costs what it changes. Scripts, records and folders are its own.
    """

    def link(source: str, target: str) -> None:
        inside = os.path.relpath(source, real)
        if inside.startswith("lib") and ".dist-info" not in inside and not os.path.islink(source):
            os.symlink(source, target)
        else:
            shutil.copy2(source, target, follow_symlinks=False)

    shutil.copytree(
        real, folder, symlinks=True, copy_function=link, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
    )
    _named_anew(real, folder)


def copied(real: Path, folder: Path) -> None:
    """Copy an environment whole."""
    shutil.copytree(real, folder, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    _named_anew(real, folder)


def _named_anew(real: Path, folder: Path) -> None:
    """Have the scripts and `pyvenv.cfg` name the copy, as they would had it been made there."""
    for path in (folder / "pyvenv.cfg", *(folder / "bin").iterdir()):
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if str(real).encode() in content:
            path.write_bytes(content.replace(str(real).encode(), str(folder).encode()))
