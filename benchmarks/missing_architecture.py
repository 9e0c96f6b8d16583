"""A torch without kernels for a GPU, made out of one that has them: what the doctor says of it, looking and running.

    PYTHONPATH=src python benchmarks/missing_architecture.py --python /path/to/venv/bin/python --capability 9.0 [--run]

The environment is cloned: a virtual environment of its own, with links for every file but the libraries of torch that
hold kernels. In those, each entry of device code that the GPU could run is labelled with another architecture, so that
CUDA finds none, as in a wheel that was built without it. The environment itself is not touched. With `--run` the GPU is
asked too: torch must fail for want of a kernel image. Prints one JSON object; ends with status 1 where the doctor does
not say what was done.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from envdoctor.binary.fatbin import ENTRY, MAGIC, MODULE, PTX, SASS, SECTIONS, kernels_of
from envdoctor.binary.image import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

AT = 28
"""Where in an entry its architecture stands."""
SAYS = ("gpu-arch-not-in-wheel", "gpu-arch-dropped")
LINKED = ("torch",)
FOLDERS = ("site-packages", "dist-packages")
WHERE = "import sys; print(getattr(sys, '_base_executable', None), *sys.path, sep='\\n')"


class Place(NamedTuple):
    """One entry of device code: where it begins in the file, what kind it is, and for which architecture (90)."""

    offset: int
    kind: int
    architecture: int


def places(path: Path) -> list[Place]:
    """Return the entries of device code of an object, in the layout that `envdoctor.binary.fatbin` reads."""
    with opened(str(path)) as image:
        found: list[Place] = []
        for section in image.sections:
            if section.name in SECTIONS:
                found += _places(image.data, section.offset, section.offset + section.size)
        return found


def _places(data: Any, place: int, end: int) -> Iterator[Place]:
    while place + MODULE.size <= end:
        magic, _, header, size = MODULE.unpack_from(data, place)
        if magic != MAGIC:  # zeros between two modules
            place += 8
            continue
        entry, place = place + header, place + header + size
        while entry < place:
            kind, _, length, payload, architecture, _ = ENTRY.unpack_from(data, entry)
            yield Place(entry, kind, architecture)
            entry += length + payload
        place += -place % 8


def relabelled(path: Path, capability: tuple[int, int]) -> int:
    """Label every entry that a GPU could run with an architecture that it cannot; return how many those were.

    Machine code runs on GPUs of its major, from its minor on; PTX of any older or equal architecture is compiled.
    """
    major, minor = capability
    other = 75 if major != 7 else 80
    newer = (major + 1) * 10
    changed = 0
    found = places(path)
    with path.open("r+b") as file:
        for place in found:
            runs = place.kind == SASS and place.architecture // 10 == major and place.architecture % 10 <= minor
            compiles = place.kind == PTX and place.architecture <= 10 * major + minor
            if runs or compiles:
                file.seek(place.offset + AT)
                file.write(struct.pack("<I", other if runs else newer))
                changed += 1
    return changed


def cloned(python: str, folder: Path) -> tuple[Path, Path]:
    """Make an environment like that of `python` in `folder`; return its interpreter and its torch.

    Packages are links to the original folders; files of torch are links one by one, so that single ones can differ.
    """
    told = subprocess.run([python, "-c", WHERE], capture_output=True, text=True, timeout=60, check=True)
    base, *paths = told.stdout.splitlines()
    made = folder / "clone"
    subprocess.run([base if base != "None" else python, "-m", "venv", "--without-pip", str(made)], check=True)
    there = next(made.glob("lib/python*/site-packages"))
    # Several where the environment is that of the system, or sees it: the first that has a package counts.
    sites = [Path(path) for path in paths if Path(path).name in FOLDERS and Path(path).is_dir()]
    for entry in (entry for site in sites for entry in site.iterdir() if not os.path.lexists(there / entry.name)):
        if entry.name in LINKED:
            shutil.copytree(entry, there / entry.name, copy_function=_linked, symlinks=True)
        else:
            (there / entry.name).symlink_to(entry)
    return made / "bin" / "python", there / "torch"


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # on another file system
        os.symlink(source, target)


def own_copy(path: Path) -> None:
    """Put a copy in the place of a link."""
    whole = path.resolve() if path.is_symlink() else path
    copy = path.with_name(path.name + ".copy")
    shutil.copyfile(whole, copy)
    os.replace(copy, path)


def with_kernels(torch: Path) -> list[Path]:
    """Return the libraries of torch that hold device code."""
    found = []
    for path in sorted((torch / "lib").glob("libtorch*.so")):
        with opened(str(path)) as image:
            if kernels_of(image) is not None:
                found.append(path)
    return found


def static_look(python: Path) -> dict[str, Any]:
    """Return what a look at an environment tells of torch's kernels: architectures with machine code and PTX."""
    ran = envdoctor("snapshot", "--python", str(python))
    fact = json.loads(ran.stdout)["facts"].get("torch.kernels", {}).get("value") or {}
    return {key: sorted(fact.get(key) or {}) for key in ("sass", "ptx")}


def envdoctor(*words: str) -> subprocess.CompletedProcess[str]:
    """Run envdoctor as this interpreter has it."""
    argv = [sys.executable, "-m", "envdoctor", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)


def findings(ran: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the rules of the findings at error in a JSON report."""
    try:
        found = json.loads(ran.stdout).get("findings", [])
    except ValueError:
        sys.exit(f"{' '.join(ran.args)} ended with {ran.returncode}: {ran.stderr.strip()[-300:]}")
    return [one["rule"] for one in found if one["severity"] == "error"]


def tried(python: str, capability: tuple[int, int], run: bool) -> dict[str, Any]:
    """Make the clone, take the kernels away, and return what was said before and after."""
    with tempfile.TemporaryDirectory(prefix="missing-architecture-") as folder:
        clone, torch = cloned(python, Path(folder))
        told: dict[str, Any] = {"capability": f"{capability[0]}.{capability[1]}", "before": static_look(clone)}
        libraries = with_kernels(torch)
        for library in libraries:
            own_copy(library)
        told["relabelled"] = {library.name: relabelled(library, capability) for library in libraries}
        told["after"] = static_look(clone)
        if run:
            told["check"] = findings(envdoctor("check", "--python", str(clone), "--no-smoke", "--format", "json"))
            words = ("--python", str(clone), "--device", "0", "--test", "elementwise", "--format", "json")
            smoked = envdoctor("smoke", *words)
            told["smoke"] = findings(smoked)
            told["torch_says"] = [str(test["message"])[:200] for test in json.loads(smoked.stdout)["tests"]]
    return told


def holds(told: dict[str, Any], capability: tuple[int, int]) -> bool:
    """Whether the doctor saw what was done: nothing is left that runs on the GPU, and the rules say so."""
    number = 10 * capability[0] + capability[1]
    left = [one for one in told["after"]["sass"] if _number(one) // 10 == capability[0] and _number(one) <= number]
    left += [one for one in told["after"]["ptx"] if _number(one) <= number]
    if left or told["before"] == told["after"]:
        return False
    if "check" not in told:
        return True
    shown = any("no kernel image" in text for text in told["torch_says"])
    return shown and any(rule in told["check"] for rule in SAYS) and any(rule in told["smoke"] for rule in SAYS)


def _number(architecture: str) -> int:
    return int(architecture.rstrip("af"))


def main() -> int:
    """Try it and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True)
    parser.add_argument("--capability", required=True, help="of the GPU that is to be left without: 9.0")
    parser.add_argument("--run", action="store_true", help="ask the GPU as well")
    options = parser.parse_args()
    major, _, minor = options.capability.partition(".")
    capability = (int(major), int(minor))
    told = tried(options.python, capability, options.run)
    told["as_it_should_be"] = holds(told, capability)
    print(json.dumps(told, indent=1))
    return 0 if told["as_it_should_be"] else 1


if __name__ == "__main__":
    sys.exit(main())
