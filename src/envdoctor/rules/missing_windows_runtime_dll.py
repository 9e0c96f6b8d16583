r"""A library of Microsoft's Visual C++ runtime that torch loads is not on this Windows.

## What it means
`import torch` ends with "OSError: [WinError 126] The specified module could not be found. Error loading
...\torch\lib\c10.dll or one of its dependencies", often after "Microsoft Visual C++ Redistributable is not
installed, this may lead to the DLL load failure". The named file is there; what it needs is not.

## Why it happens
torch's Windows builds use the Visual C++ runtime of 2015 to 2022, which is neither part of Windows nor of the wheel.
Pythons from python.org bring `vcruntime140.dll` but not `msvcp140.dll`; those of conda bring both; a fresh Windows,
a Server Core or a container image has none. torch 2.4.0 alone needs `libomp140.x86_64.dll` as well, for
`fbgemm.dll`: the OpenMP library of the compiler, which comes only with Visual Studio.

## How to be sure
`where msvcp140.dll` (in `cmd`) finds nothing, or nothing below `C:\Windows\System32` or the environment. The program
"Dependencies" opened on the file of the message shows which library is missing.

## How to fix
Install the runtime from https://aka.ms/vs/17/release/vc_redist.x64.exe, or in a conda environment
`conda install -c conda-forge vc14_runtime`. With torch 2.4.0 install 2.4.1 or newer instead:
`python -m pip install "torch>=2.4.1"` from the same channel. Take no single DLL from download sites.

## Sources
torch/__init__.py, which loads vcruntime140, msvcp140 and (except on ARM64) vcruntime140_1 before its own libraries;
pytorch/pytorch issue 131662 (2.4.0 and fbgemm.dll, mended in 2.4.1), issues 32916 and 126507 (the runtime);
Microsoft's page on the latest supported Visual C++ redistributable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

OPENMP = "libomp140.x86_64.dll"
NEEDS_OPENMP = "2.4.0"
RUNTIME = ("msvcp140.dll", "vcruntime140.dll", "vcruntime140_1.dll")


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Name what is missing of what this release loads; conda's own builds bring the runtime as packages."""
    if machine.text("host.os") != "windows":
        return
    torch = machine.torch
    if torch is None:
        return
    needed = {*RUNTIME, OPENMP} if torch.official and torch.release == NEEDS_OPENMP else {*RUNTIME}
    missing = [one for one in machine.items("windows.missing_runtime") if isinstance(one, str) and one in needed]
    if not missing:
        return
    names = " and ".join(missing) if len(missing) < 3 else f"{', '.join(missing[:-1])} and {missing[-1]}"
    verb = "is" if len(missing) == 1 else "are"
    whose = (
        f"which fbgemm.dll of torch {NEEDS_OPENMP} needs and only Visual Studio brings"
        if missing == [OPENMP]
        else "of the Visual C++ runtime that torch loads"
    )
    yield RULE.finding(
        machine,
        "torch",
        f"{names}, {whose}, {verb} in none of the folders Windows searches, so `import torch` fails.",
        "windows.missing_runtime", "torch.version",
    )  # fmt: skip


WINDOWS: dict[str, Value] = {
    "host.os": "windows",
    "host.platform": "windows-x86_64",
    "host.kind": "windows",
    "host.version": "windows 10.0.22631",
    "host.libc": None,
    "driver": "581.15 13.0",
    "pci.nvidia": None,
    "device.nodes": None,
    "torch": "2.9.1+cu128",
    "torch.wheel_tags": ["cp311-cp311-win_amd64"],
    "shm.total_bytes": None,
    "shm.free_bytes": None,
    "cuda.library": r"C:\Windows\System32\nvcuda.dll",
    "cuda.library_version": "581.15",
    "windows.missing_runtime": [],
}

RULE = Rule(
    judge,
    stage=Stage.LIBRARIES,
    needs=(
        "host.os",
        "torch.version",
        "torch.cuda",
        "torch.hip",
        "torch.channel",
        "torch.provenance",
        "windows.missing_runtime",
    ),
    fires=(
        Example(
            "a fresh Windows with python.org's Python",
            {**WINDOWS, "windows.missing_runtime": ["msvcp140.dll"]},
            says="msvcp140.dll, of the Visual C++ runtime",
        ),
        Example(
            "a container image without any runtime",
            {**WINDOWS, "windows.missing_runtime": [*RUNTIME]},
            says="vcruntime140.dll and vcruntime140_1.dll",
        ),
        Example(
            "torch 2.4.0 without the OpenMP of Visual Studio",
            {**WINDOWS, "torch": "2.4.0+cu121", "windows.missing_runtime": [OPENMP]},
            says="fbgemm.dll",
        ),
    ),
    quiet=(
        Example("everything is there", WINDOWS),
        Example(
            "torch 2.4.1 does not need that OpenMP",
            {**WINDOWS, "torch": "2.4.1+cu121", "windows.missing_runtime": [OPENMP]},
        ),
        Example("nor does torch 2.3.1", {**WINDOWS, "torch": "2.3.1+cu121", "windows.missing_runtime": [OPENMP]}),
        Example("torch 2.4.0 with it", {**WINDOWS, "torch": "2.4.0+cu121"}),
        Example(
            "conda-forge builds with another OpenMP",
            {**WINDOWS, "torch": "2.4.0", "torch.provenance": "conda-forge", "torch.cuda": "12.1",
             "torch.channel": None, "windows.missing_runtime": [OPENMP]},
        ),
        Example("no torch to load it", {**WINDOWS, "torch": None, "windows.missing_runtime": ["msvcp140.dll"]}),
        Example("a machine with Linux", {}),
    ),
)  # fmt: skip
