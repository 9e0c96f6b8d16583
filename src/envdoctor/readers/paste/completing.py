"""What follows from what a paste states: few steps, each from a statement and never from silence.

A paste names a version; a look at a machine would have told the CUDA, the channel and the builder of it as well. What
is derived here says so in its source.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CUDA_TAG = r"cu(\d{2})(\d)"
ROCM_TAG = r"rocm(\d{1,2}\.\d{1,2}(?:\.\d{1,2})?)"
MOST_GPUS = 64
NVIDIA_S_OWN = r"a0\+[0-9a-f]{6,12}(?:\.nv\d\d\.\d\d.*)?"
"""A state between two releases with a commit in it, as NVIDIA versions the builds in its images and for Jetson."""


def complete(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """Return the facts with what follows from them; nothing that was stated is replaced."""
    found = dict(facts)
    for step in (_driver, _gpus, _platform, _torch, _partners, _python):
        for name, fact in step(found):
            present = found.get(name)
            if present is None or isinstance(present, Unknown):
                found[name] = fact
    return found


def _text(facts: Mapping[str, Fact], name: str) -> str | None:
    fact = facts.get(name)
    return fact.value if isinstance(fact, Known) and isinstance(fact.value, str) else None


def _gpus(facts: Mapping[str, Fact]) -> Iterator[tuple[str, Fact]]:
    """GPUs that are named are there, and visible unless a variable hides them."""
    named = sorted(
        int(match[1]) for name in facts if (match := re.fullmatch(r"gpu\.(\d{1,2})\.(?:name|compute_capability)", name))
    )
    if named and named[-1] < MOST_GPUS:
        yield "gpu.count", Known(named[-1] + 1, "the GPUs that are named")
    count = facts.get("gpu.count")
    total = count.value if isinstance(count, Known) else named[-1] + 1 if named else None
    if isinstance(total, int):
        # What torch's own messages name it sees already: the variable chose these.
        choice = None if _by_torch(facts) else _text(facts, "env.CUDA_VISIBLE_DEVICES")
        indexes = _chosen(choice, min(total, MOST_GPUS))
        yield "gpu.visible", Known([*indexes], "no variable is told to hide one" if choice is None else "its variable")


def _by_torch(facts: Mapping[str, Fact]) -> bool:
    """Whether messages of torch are all that names GPUs."""
    names = [fact for name, fact in facts.items() if re.fullmatch(r"gpu\.\d{1,2}\.name", name)]
    return bool(names) and all(isinstance(one, Known) and one.source.startswith("error messages") for one in names)


def _chosen(choice: str | None, count: int) -> list[int]:
    """Read CUDA_VISIBLE_DEVICES as CUDA does: up to the first index that is not there; all where it is no list."""
    if choice is None or not re.fullmatch(r"[\d, ]{0,200}", choice):
        return [*range(count)]
    found: list[int] = []
    for word in choice.split(","):
        if not word.strip().isdigit() or int(word) >= count:
            break
        found.append(int(word))
    return found


def _driver(facts: Mapping[str, Fact]) -> Iterator[tuple[str, Fact]]:
    """A driver that lists GPUs answers."""
    if _text(facts, "driver.version") and any(re.fullmatch(r"gpu\.\d+\.name", name) for name in facts):
        yield "nvml.status", Known(0, "the driver told its version and its GPUs")


def _platform(facts: Mapping[str, Fact]) -> Iterator[tuple[str, Fact]]:
    """The platform tells the system, and the system with nothing else said the common processor of it."""
    platform = _text(facts, "host.platform")
    if platform:
        yield "host.os", Known(platform.partition("-")[0], "host.platform")
    system = _text(facts, "host.os") or (platform or "").partition("-")[0]
    wsl = facts.get("host.wsl")
    if isinstance(wsl, Known) and wsl.value is True:
        yield "host.kind", Known("wsl2", "host.wsl")
    elif _text(facts, "container.runtime"):
        yield "host.kind", Known("container", "container.runtime")
    elif system in ("windows", "macos"):
        yield "host.kind", Known(system, "host.os")
    elif (platform or "").endswith("-jetson"):
        yield "host.kind", Known("jetson", "host.platform")
    elif not system and _for_linux_alone(facts):
        system = "linux"
        yield "host.os", Known("linux", "packages that are for Linux alone")
    if system in ("", "linux") and _beside_grace(facts):
        yield "host.os", Known("linux", "a GPU beside a Grace processor")
        yield "host.platform", Known("linux-aarch64", "a GPU beside a Grace processor")
    elif system in ("linux", "windows"):
        yield "host.platform", Known(f"{system}-x86_64", "host.os, and no other processor is named")


def _beside_grace(facts: Mapping[str, Fact]) -> bool:
    """Whether a GPU is named that is sold on one board with an Arm processor alone."""
    names = (_text(facts, f"gpu.{index}.name") or "" for index in range(MOST_GPUS))
    return any(re.search(r"\bG[BH]200\b|\bGB(?:10|300)\b", name) for name in names)


def _for_linux_alone(facts: Mapping[str, Fact]) -> bool:
    """Whether a package is listed that has wheels for Linux alone."""
    listed = facts.get("packages.installed")
    names = listed.value if isinstance(listed, Known) and isinstance(listed.value, dict) else {}
    return any(name == "triton" or name.startswith(("nvidia-nccl-cu", "nvidia-nvshmem-cu")) for name in names)


def _torch(facts: Mapping[str, Fact]) -> Iterator[tuple[str, Fact]]:
    """The version tells the build: its local part, and who gives such versions."""
    version = _text(facts, "torch.version")
    if version is None:
        return
    release, _, local = version.partition("+")
    from_version = "torch.version"
    yield "torch.local", Known(local, from_version) if local else Absent("the version has no local part")
    cuda, rocm = re.fullmatch(CUDA_TAG, local), re.fullmatch(ROCM_TAG, local)
    if cuda:
        yield "torch.cuda", Known(f"{int(cuda[1])}.{cuda[2]}", from_version)
    if local == "cpu" or rocm or local.startswith("xpu"):
        yield "torch.cuda", Absent(f"torch {version} is a build without CUDA")
    if rocm:
        yield "torch.hip", Known(rocm[1], from_version)
    if cuda or local == "cpu" or rocm:
        yield "torch.channel", Known(local, from_version)
    yield from _by_conda(facts, release)
    built = facts.get("torch.cuda")
    if isinstance(built, Known) and isinstance(built.value, str):
        yield "torch.hip", Absent("it was built for CUDA")
        match = re.match(r"(\d{1,2})\.(\d)", built.value)
        if match:
            yield "torch.channel", Known(f"cu{match[1]}{match[2]}", "torch.cuda")
    elif isinstance(built, Absent) and not isinstance(facts.get("torch.hip"), Known):
        yield "torch.hip", Absent("the paste names no ROCm for this torch")
        yield "torch.channel", Known("cpu", "torch.cuda")
    yield "torch.provenance", _provenance(facts, release, local)


def _by_conda(facts: Mapping[str, Fact], release: str) -> Iterator[tuple[str, Fact]]:
    """What conda's build string tells of the torch it installed."""
    build = _conda_build(facts, release)
    if build is None:
        return
    cuda = re.search(r"cuda(\d{1,2}\.\d)", build) or re.search(r"cuda_?(\d\d)(\d)", build)
    if cuda:
        told = cuda[1] if cuda.lastindex == 1 else f"{int(cuda[1])}.{cuda[2]}"
        yield "torch.cuda", Known(told, "conda's build string")
    elif re.search(r"(?:^|_)cpu(?:_|$)", build):
        yield "torch.cuda", Absent("conda's build string names the CPU")


def _conda_build(facts: Mapping[str, Fact], release: str) -> str | None:
    """Return the build of conda's record of that very release."""
    rows = facts.get("packages.conda")
    record = rows.value.get("pytorch") if isinstance(rows, Known) and isinstance(rows.value, dict) else None
    if not isinstance(record, dict) or record.get("version") != release:
        return None
    return str(record.get("build") or "")


def _provenance(facts: Mapping[str, Fact], release: str, local: str) -> Fact:
    """Tell who built it, as far as version and listings go."""
    if re.search(NVIDIA_S_OWN, f"{release}+{local}"):
        jetson = (_text(facts, "host.platform") or "").endswith("-jetson")
        return Known("jetson" if jetson else "ngc", "torch.version")
    if re.search(r"a0$|\.dev\d{8}$", release):
        return Known("nightly" if "dev" in release else "source", "torch.version")
    if local.startswith("rocm"):
        return Known("rocm", "torch.version")
    build = _conda_build(facts, release)
    if build is not None and not local:
        rows = facts["packages.conda"]
        record = rows.value.get("pytorch") if isinstance(rows, Known) and isinstance(rows.value, dict) else None
        channel = str(record.get("channel") or "") if isinstance(record, dict) else ""
        if "forge" in channel:
            return Known("conda-forge", "conda's listing")
        if channel == "pytorch" or re.match(r"py\d\.\d{1,2}_(?:cuda|cpu)", build):
            return Known("conda-pytorch", "conda's listing")
        return Known("unknown", "conda's listing names no channel")
    if re.fullmatch(rf"{CUDA_TAG}|cpu", local):
        return Known("pytorch-index", "torch.version")
    if local:
        return Known("unknown", "a local version of nobody known")
    return Known("pypi", "a release without a local version")


def _partners(facts: Mapping[str, Fact]) -> Iterator[tuple[str, Fact]]:
    """The local version of a partner tells its CUDA; without one it is not told."""
    for name in ("torchvision", "torchaudio"):
        version = _text(facts, f"{name}.version")
        local = (version or "").partition("+")[2]
        cuda = re.fullmatch(CUDA_TAG, local)
        if cuda:
            yield f"{name}.cuda", Known(f"{int(cuda[1])}.{cuda[2]}", f"{name}.version")
        elif local == "cpu":
            yield f"{name}.cuda", Absent(f"{name} {version} is a build without CUDA")


def _python(facts: Mapping[str, Fact]) -> Iterator[tuple[str, Fact]]:
    match = re.match(r"(\d)\.(\d{1,2})", _text(facts, "python.version") or "")
    if match:
        yield "python.tag", Known(f"cp{match[1]}{match[2]}", "python.version")
