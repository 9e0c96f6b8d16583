"""The Visual C++ runtime on Windows: libraries that torch loads and that come neither with it nor with Windows.

They are looked for where `import torch` has the system look: beside the interpreter and its base, in torch/lib and
`Library\\bin` of the environment, in System32 and on PATH. Found in one of them is found.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Known, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.probes.looking import Facts, Looking

FACTS = {"windows.missing_runtime": "libraries of the Visual C++ runtime that torch loads and that are found nowhere"}

OPENMP = "libomp140.x86_64.dll"

NEEDS_OPENMP = "2.4.0"
"""The one release whose fbgemm.dll was linked to the compiler's OpenMP, which Windows has only with Visual Studio."""

LIBRARIES = ("msvcp140.dll", "vcruntime140.dll", "vcruntime140_1.dll")
"""What torch/__init__.py loads before anything else."""

NOT_ON_ARM = frozenset({"vcruntime140_1.dll", OPENMP})

MOST_FOLDERS = 200


def look(at: Looking) -> Facts:
    """Look for each library."""
    name = "windows.missing_runtime"
    if at.host.os != "windows":
        return {name: Absent(f"the runtime is one of Windows, this is {at.host.os}")}
    if at.text("python.prefix") is None:
        return {name: Unknown("the interpreter did not say where its environment is")}
    here: set[str] = set()
    system = os.path.join(at.host.environ.get("SYSTEMROOT") or r"C:\Windows", "System32")
    try:
        here.update(map(str.lower, at.host.listdir(system)))
    except OSError as problem:
        return {name: Unknown(f"{system}: {problem.strerror or problem}")}
    folders = list(dict.fromkeys(_folders(at)))[:MOST_FOLDERS]
    release = (at.text("torch.version") or "").partition("+")[0]
    wanted = [*LIBRARIES, OPENMP] if release == NEEDS_OPENMP else [*LIBRARIES]
    if at.host.machine == "arm64":
        wanted = [library for library in wanted if library not in NOT_ON_ARM]
    missing = [
        library
        for library in wanted
        if library not in here and not any(at.host.is_file(os.path.join(folder, library)) for folder in folders)
    ]
    return {name: Known([*missing], f"{system} and the folders of the environment")}


def _folders(at: Looking) -> Iterator[str]:
    """Yield where the loader looks beside System32."""
    prefixes = [folder for key in ("python.prefix", "python.base_prefix") if (folder := at.text(key))]
    executable = (at.text("python.executable") or "").replace("/", "\\").rpartition("\\")[0]
    if executable:
        yield executable
    for prefix in prefixes:
        yield prefix
        yield os.path.join(prefix, "Scripts")
        yield os.path.join(prefix, "Library", "bin")  # conda
    location = at.text("torch.location")
    if location:
        yield os.path.join(location, "lib")
    yield from (folder for folder in at.host.environ.get("PATH", "").split(";") if folder)
