"""pip or uv is told to take torch from an index that does not hold the build this machine needs.

## What it means
Where torch is a CPU build beside a usable GPU, this says why: the index that the installer is told of holds CPU builds
only, so installing torch again changes nothing. Where torch is as it should be, the setting lies in wait: the next
installation fails with `ERROR: Could not find a version that satisfies the requirement torch (from versions:
none)`, or, where the index is only an extra one, silently takes the default build.

## Why it happens
The PyTorch index has one folder for each CUDA that torch was published for, not for each CUDA there is: there is a
`whl/cu124` and a `whl/cu126`, and no `whl/cu125`. The number in `nvidia-smi` says what the driver can run, and no index
is named after it. `whl/cpu` comes from a Dockerfile that wanted a small image. For Windows, and for Linux on ARM before
torch 2.11, the default index has CPU builds alone: there a plain `pip install torch` never gives CUDA.

## How to be sure
`python -m pip config debug` prints the files and variables pip obeys, `python -m pip download --no-deps torch` what
it would take. For uv: `uv pip install --dry-run -v torch`.

## How to fix
Name the index of a channel that exists, and the build by its full version:
`python -m pip install --index-url https://download.pytorch.org/whl/cu128 torch==2.9.1+cu128`; `envdoctor plan` says
which one fits this machine. Then correct the setting: `python -m pip config unset global.index-url`,
`unset PIP_INDEX_URL`, or `UV_TORCH_BACKEND=auto`.

## In a file
An index of a channel that never was (`whl/cu122`), that does not hold the release demanded (`torch==2.7.1` from
`whl/cu121`), a build that was never made (`torch==2.8.0+cu121`), a page or a folder of wheels handed over as an index,
a `--find-links` that does not lead to the build, and a CUDA named in a text or by `pytorch-cuda` that this torch was
not published for. No finding is an index beside the default one that has the release, a mirror whose holdings are not
known, or a release without a pin from a channel that has ended.

## Sources
The channels are those of `compat_matrix.toml`; pytorch.org, "Start Locally" and "Previous PyTorch Versions"; uv
documentation, "Using uv with PyTorch"; the error as reported in facebookresearch/perception_models issue 110.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity
from envdoctor.rules import cpu_only_build
from envdoctor.rules.index_setting import INDEXES, Setting, cuda_of, settings_of
from envdoctor.rules.requirement import satisfied
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

CPU_BUILD = "it gave this machine its CPU build"
AS_IT_SHOULD_BE = "torch is as it should be"

DEFAULT_IS_CPU = {"windows-x86_64": "Windows", "linux-aarch64": "Linux on ARM"}
"""Where the default index has CPU builds: for Windows always, for Linux on ARM before torch 2.11."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Find the index that explains a CPU build, then those that hold no torch at all."""
    torch = machine.torch
    if torch is not None and torch.cuda is not None and not machine.is_known("index.settings"):
        return  # only a note could come of a setting there
    settings = settings_of(machine)
    because = _gave_cpu(machine, settings, matrix)
    # What is wrong about the build is that rule's to say; without it, or asked for, a CPU build is nobody's defect.
    if because and not machine.wishes.cpu and any(cpu_only_build.judge(machine, matrix)):
        yield RULE.finding(
            machine, "torch", because, "index.settings", "torch.version", "torch.provenance", when=CPU_BUILD
        )
        return
    for setting in settings:
        lacking = _lacks(machine, matrix, setting)
        if lacking:
            yield RULE.finding(machine, "torch", lacking, "index.settings", when=AS_IT_SHOULD_BE)
            return


def _gave_cpu(machine: Machine, settings: tuple[Setting, ...], matrix: Matrix) -> str | None:
    """Say which setting the CPU build came by, None where that is not certain."""
    torch = machine.torch
    if torch is None or torch.cuda is not None or torch.hip is not None:
        return None
    tool = machine.text("torch.installer")
    if tool not in ("pip", "uv"):
        return None
    own = [setting for setting in settings if setting.tool == tool]
    if torch.provenance == "pytorch-index" and torch.local == "cpu":
        for setting in own:
            if setting.channel == "cpu" or (setting.kind == "torch-backend" and setting.value == "cpu"):
                what = "the torch-backend cpu" if setting.kind == "torch-backend" else setting.value
                return (
                    f"{tool} is told in {setting.origin} to take torch from {what}, which holds CPU builds only: "
                    f"torch {torch.text} came from there, and installing torch again gives the same."
                )
    where = DEFAULT_IS_CPU.get(machine.platform)
    if torch.provenance == "pypi" and where:
        indexes = [setting for setting in own if setting.kind in INDEXES or setting.kind == "torch-backend"]
        useless = next((one for one in indexes if _never_published(matrix, one)), None)
        if not indexes:
            return (
                f"torch {torch.text} came from the default index of {tool}, which has CPU builds of that release for "
                f"{where}, and no PyTorch index is configured."
            )
        if useless and len(indexes) == 1:
            return (
                f"{tool} is told in {useless.origin} to look at {useless.value}, a channel that does not exist, so "
                f"torch {torch.text} came from the default index, which has CPU builds of that release for {where}."
            )
    return None


def _lacks(machine: Machine, matrix: Matrix, setting: Setting) -> str | None:
    """Say that an index holds no torch, or none that was asked for; None where it does or it is not known."""
    if _never_published(matrix, setting):
        return (
            f"{setting.tool} is told in {setting.origin} to take packages from {setting.value}, but no torch "
            f"that this matrix knows (up to {matrix.newest_torch}) was published for that CUDA."
        )
    wish, channel = machine.wishes.torch, setting.channel
    if not wish or channel is None or not setting.official:
        return None
    held = [release.version for release in matrix.releases if _has(matrix, release.version, channel)]
    # A channel that is still open may have what is newer than the matrix.
    if not held or held[-1] == matrix.newest_torch:
        return None
    fitting = [release.version for release in matrix.releases if satisfied(f"torch{wish}", release.version, machine)]
    if not fitting or set(fitting) & set(held):
        return None
    return (
        f"{setting.tool} is told in {setting.origin} to take packages from {setting.value}, which holds no "
        f"torch{wish}: its newest is {held[-1]}."
    )


def _has(matrix: Matrix, version: str, channel: str) -> bool:
    return any(wheel.channel == channel for wheel in matrix.wheels(version))


def _never_published(matrix: Matrix, setting: Setting) -> bool:
    """Whether a setting names a folder of the PyTorch index for a CUDA that torch was never published for.

    Certain only between the newest channel of the oldest release in the matrix and the newest channel of all: what
    is older may be missing from it, what is newer may have come since.
    """
    cuda = cuda_of(setting.channel or "")
    if cuda is None or not setting.official:
        return False
    first = matrix.releases[0].version
    known = {
        release.version: {found for wheel in matrix.wheels(release.version) if (found := cuda_of(wheel.channel))}
        for release in matrix.releases
    }
    everything = set().union(*known.values())
    if not known[first] or cuda in everything:
        return False
    return max(known[first]) < cuda < max(everything)


def _pip(channel: str, origin: str = "/etc/pip.conf", setting: str = "index-url") -> dict[str, Value]:
    return Setting("pip", setting, f"https://download.pytorch.org/whl/{channel}", origin).row


CPU: dict[str, Value] = {"torch": "2.9.1+cpu", "torch.provenance": "pytorch-index"}
WINDOWS: dict[str, Value] = {
    "torch": "2.9.1+cpu", "torch.provenance": "pypi", "host.os": "windows", "host.platform": "windows-x86_64",
    "host.kind": "windows", "host.libc": None, "driver": "560.94 12.6",
}  # fmt: skip

RULE = Rule(
    judge,
    stage=Stage.SETTING,
    needs=(
        *dict.fromkeys((
            "index.settings", "torch.installer", "torch.version", "torch.provenance", "host.platform",
            "python.version", *cpu_only_build.NEEDS,
        )),
    ),
    fires=(
        Example(
            "the cpu channel in pip.conf, on an A100",
            {**CPU, "index.settings": [_pip("cpu")]},
            severity=Severity.WARNING,
            says="whl/cpu, which holds CPU builds only",
        ),
        Example(
            "UV_TORCH_BACKEND=cpu, on an A100",
            {**CPU, "torch.installer": "uv",
             "index.settings": [Setting("uv", "torch-backend", "cpu", "UV_TORCH_BACKEND").row]},
            severity=Severity.WARNING,
            says="torch-backend cpu",
        ),
        Example("plain pip on Windows, with a GPU", {**WINDOWS}, severity=Severity.WARNING, says="default index"),
        Example(
            "plain pip on a Grace Hopper machine, before torch 2.11",
            {"torch": "2.9.1+cpu", "torch.provenance": "pypi", "host.platform": "linux-aarch64", "host.kind": "sbsa",
             "gpus": ["NVIDIA GH200 480GB 9.0"], "driver": "580.95.05 13.0"},
            severity=Severity.WARNING,
            says="Linux on ARM",
        ),
        Example(
            "a channel that does not exist, on Windows",
            {**WINDOWS, "index.settings": [_pip("cu125", setting="extra-index-url")]},
            severity=Severity.WARNING,
            says="a channel that does not exist",
        ),
        Example(
            "a channel that does not exist beside a torch that works",
            {"index.settings": [_pip("cu125", "PIP_EXTRA_INDEX_URL", "extra-index-url")]},
            severity=Severity.NOTE,
            says="whl/cu125",
        ),
        Example(
            "a channel that ended before the release that is asked for",
            {"index.settings": [_pip("cu121")]},
            severity=Severity.NOTE,
            says="its newest is 2.5.1",
            wish_torch="==2.9.1",
        ),
    ),
    quiet=(
        Example("the channel torch came from", {"index.settings": [_pip("cu128")]}),
        Example("a channel that ended, and nothing asked for", {"index.settings": [_pip("cu121")]}),
        Example("a channel newer than the matrix", {"index.settings": [_pip("cu199")]}),
        Example("a channel older than the matrix", {"index.settings": [_pip("cu101")]}),
        Example("a folder of nightly builds", {"index.settings": [_pip("nightly/cu125")]}),
        Example(
            "a mirror with folders of its own",
            {"index.settings": [Setting("pip", "index-url", "https://mirror.example/whl/cu125", "PIP_INDEX_URL").row]},
        ),
        Example(
            "the cpu channel where no GPU is",
            {**CPU, "index.settings": [_pip("cpu")], "gpus": None, "driver": None, "pci.nvidia": []},
        ),
        Example("plain pip on Windows without a GPU", {**WINDOWS, "gpus": None, "driver": None, "pci.nvidia": None}),
        Example("nothing is configured", {}),
    ),
)  # fmt: skip
