"""The installed torch holds other kernels than the matrix says of this build.

## What it means
envdoctor comes with a table of published builds, which says for each of them which GPU architectures it was compiled
for. The files of the torch that is installed here hold others. What this page's neighbours say of this torch comes
from the files; what `envdoctor plan` says of builds that are not installed comes from the table.

## Why it happens
The row is wrong, or was inferred from a sister build that differs. Or the files are not those that were published: a
torch that was compiled here and named like a release, libraries copied over the installed ones, a mirror that builds
its own wheels under the same version.

## How to be sure
`python -c "import torch; print(torch.cuda.get_arch_list())"` against `envdoctor matrix show`. `cuobjdump --list-elf`
on `torch/lib/libtorch_cuda.so` lists the machine code itself, one line for each module and architecture.

## How to fix
Nothing, as long as torch serves the GPU. Where it should be the published wheel, install it again with
`pip install --force-reinstall --no-deps`. Where the row is wrong, an overlay (`--matrix FILE`) mends it until the next
matrix does, and a report of it is welcome.

## Sources
The fat binaries in the sections `.nv_fatbin` and `__nv_relfatbin` of torch's libraries, and the list of targets that
torch was compiled with; the row of the matrix and the source it names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.device_code import FEW, throughout
from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.wheel_kernels import matrix_row, torch_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.device_code import DeviceCode
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Compare the lists, of a published build whose file could be read."""
    torch = machine.torch
    row = matrix_row(machine, matrix)
    if torch is None or torch.cuda is None or row is None or row.sass is None:
        return
    file, listed = torch_file(machine), throughout(row.sass, row.ptx)
    if file is None:
        return
    # The libraries linked into old wheels were compiled for others than torch, which its own list tells.
    more = _beyond(file.code, listed) and (file.flags is None or _beyond(file.flags, listed))
    if not more and not _lacks(file.code, listed):
        return
    yield RULE.finding(
        machine,
        "torch",
        f"The matrix ({matrix.revision}) says that torch {torch.text} for {row.platform} was built for "
        f"{listed.listed or 'no GPU'}, and the files of this one hold {file.code.made_for(file.flags).listed}. What is "
        "said here of this torch goes by its files.",
        "torch.version", "torch.channel", "torch.provenance", "torch.kernels",
        confidence=Confidence.PROVED,
    )  # fmt: skip


def _beyond(held: DeviceCode, listed: DeviceCode) -> bool:
    """Whether it was compiled throughout for what is not listed."""
    general = held.made_for()
    return bool(set(general.sass) - set(listed.sass) or set(general.ptx) - set(listed.ptx))


def _lacks(held: DeviceCode, listed: DeviceCode) -> bool:
    """Whether something listed is in a few modules at most."""
    few = FEW * held.best
    kinds = ((held.sass, listed.sass), (held.ptx, listed.ptx))
    return any(shares.get(one, 0.0) < few for shares, wanted in kinds for one in wanted)


def _file(
    sass: str, ptx: str = "", *, some: dict[str, float] | None = None, flags: Value = None, modules: int = 475
) -> Value:
    """What is read of a torch: architectures that all modules hold, and `some` with another share."""
    return {
        "files": ["torch/lib/libtorch_cuda.so"], "modules": modules, "flags": flags,
        "sass": {**dict.fromkeys(sass.split(), 1.0), **(some or {})}, "ptx": dict.fromkeys(ptx.split(), 1.0),
    }  # fmt: skip


STATED: Value = ["sm_70", "sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]

RULE = Rule(
    judge,
    stage=Stage.KERNELS,
    needs=(
        "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance", "torch.kernels",
        "host.platform",
    ),
    fires=(
        Example(
            "a build without the architecture for Volta",
            {"torch.kernels": _file("75 80 86 90 100 120")},
            severity=Severity.NOTE,
            says="hold sm_75 sm_80 sm_86 sm_90 sm_100 sm_120.",
        ),
        Example(
            "a file whose device code could not be read and whose own list differs",
            {"torch.kernels": _file("", flags=["sm_80", "compute_80"], modules=0)},
            severity=Severity.NOTE,
            says="hold sm_80 compute_80.",
        ),
    ),
    quiet=(
        Example("the file of that build", {"torch.kernels": _file("70 75 80 86 90 100 120")}),
        Example(
            "what only some modules hold is in no row",
            {"torch.kernels": _file("70 80 86 90 100 120", some={"75": 0.88, "89": 0.0021, "103f": 0.1242})},
        ),
        Example(
            "libraries in it that were compiled for others, beside torch's own list",
            {"torch.kernels": _file("70 75 80 86 90 100 120", "50", flags=STATED)},
        ),
        Example("a build from elsewhere", {"torch.provenance": "source", "torch.kernels": _file("80")}),
        Example("a file that nobody could read", {}),
    ),
)  # fmt: skip
