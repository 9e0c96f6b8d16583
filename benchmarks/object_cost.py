"""What compiled objects of extensions cost a look: copies of one, in packages of ten, in an environment with torch.

    PYTHONPATH=src python benchmarks/object_cost.py --python /path/to/venv/bin/python [--object FILE] [--rounds 7]

The object that is copied is a small one that `cc` links, which asks torch for the same symbols as torchvision's module
in that environment, unless another is named. (Real ones have megabytes: a thousand copies would measure the disk.)
Prints a Markdown table of median milliseconds beyond the same look without a copy. Standard library only; changes
nothing in the environment: the copies lie in a folder of their own on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from probe_cost import one_look

from envdoctor.binary.image import opened
from envdoctor.binary.symbols import Symbols
from envdoctor.host.host import Host
from envdoctor.probes.binding.names import provider_of
from envdoctor.probes.binding.scope import TORCH_LIBRARIES
from envdoctor.probes.target import choose

NUMBERS = (0, 10, 100, 1000)
IN_ONE_PACKAGE = 10
PROBES = ("compiled_objects", "loader", "symbols", "kernels")


def packages(folder: Path, number: int, original: Path) -> None:
    """Install `number` copies of a compiled object, ten in a package that demands torch."""
    for first in range(0, number, IN_ONE_PACKAGE):
        name = f"copies_{first:04d}"
        info, package = folder / f"{name}-1.0.dist-info", folder / name
        info.mkdir()
        package.mkdir()
        names = [f"{name}/part{letter}.so" for letter in "abcdefghij"[: number - first]]
        for path in names:
            # Not a link: what is one file is one object in the process.
            shutil.copyfile(original, folder / path)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: torch\n")
        (info / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-linux_x86_64\n")
        (info / "RECORD").write_text("".join(f"{path},,\n" for path in names))


def small_extension(folder: Path, python: str) -> Path:
    """Link an object that asks torch for what torchvision's does; ends the benchmark where that cannot be."""
    ask = "from importlib.util import find_spec as find; print(find('torchvision').submodule_search_locations[0])"
    asked = subprocess.run([python, "-c", ask], capture_output=True, text=True, timeout=60, check=False)
    module = next(Path(asked.stdout.strip()).glob("_C*.so"), None) if asked.returncode == 0 else None
    if module is None or shutil.which("cc") is None:
        sys.exit(f"{python}: no torchvision there, or no cc: name an --object")
    with opened(str(module)) as image:
        names = [one.name for one in Symbols(image).undefined() if not one.weak and provider_of(one.name) == "torch"]
    source, made = folder / "small.c", folder / "small.so"
    source.write_text("".join(f"extern char {name}[]; void *asked_{n} = {name};\n" for n, name in enumerate(names)))
    # Linked against empty libraries of torch's names, so that the symbols stay open.
    needed = [name for name in TORCH_LIBRARIES if (module.parent.parent / "torch/lib" / name).exists()]
    link = ["cc", "-shared", "-fPIC", "-nostdlib", "-Wl,--no-as-needed"]
    for name in needed:
        subprocess.run([*link, "-o", str(folder / name), "-xc", os.devnull], check=True, timeout=60)
    libraries = [f"-l:{name}" for name in needed]
    subprocess.run([*link, "-o", str(made), str(source), f"-L{folder}", *libraries], check=True, timeout=60)
    print(f"{len(names)} symbols of torch asked for")
    return made


def medians(python: str, rounds: int) -> dict[str, float]:
    """Median milliseconds of each probe that reads compiled objects."""
    host = Host()
    target = choose(host, python=python, script=False, executable=sys.executable, prefix=sys.prefix, cwd=os.getcwd())
    looks = [one_look(host, target) for _ in range(rounds + 1)][1:]
    return {probe: statistics.median(look[probe] for look in looks) * 1000 for probe in PROBES}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True)
    parser.add_argument("--object", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(options.object or small_extension(Path(folder), options.python), options.python, options.rounds)


def measure(original: Path, python: str, rounds: int) -> None:
    """Print the table."""
    print(f"{original.name}, {original.stat().st_size:,} bytes\n")
    print(f"| objects | {' | '.join(PROBES)} | together ms | ms each | peak MiB |\n|---:|{'---:|' * (len(PROBES) + 3)}")
    without: dict[str, float] = {}
    for number in NUMBERS:
        with tempfile.TemporaryDirectory() as folder:
            packages(Path(folder), number, original)
            os.environ["PYTHONPATH"] = folder
            spent = medians(python, rounds)
        without = without or spent
        beyond = {probe: spent[probe] - without[probe] for probe in PROBES}
        each = f"{sum(beyond.values()) / number:.2f}" if number else "-"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        cells = " | ".join(f"{beyond[probe] if number else spent[probe]:.1f}" for probe in PROBES)
        print(f"| {number} | {cells} | {sum((beyond if number else spent).values()):.1f} | {each} | {peak:.1f} |")


if __name__ == "__main__":
    main()
