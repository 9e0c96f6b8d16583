"""The head of a report: the machine in three or four lines, each fact as it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.machine import MOST_GPUS
from envdoctor.reporters.plain_text import LONGEST, safe

if TYPE_CHECKING:
    from envdoctor.model.snapshot import Snapshot

SHORT = 80
"""Characters shown of a version or a name."""

MOST_OTHERS = 4
"""Other interpreters that are named."""

Statement = tuple[str, ...]
"""What is said of one thing, in parts that may stand on one line or below each other."""


def machine_lines(snapshot: Snapshot) -> list[Statement]:
    """Return a statement each for the interpreter, torch with its partners, the driver and the GPUs.

    An absent fact says that there is none; an unknown one says why it is not known.
    """
    driver, gpus = _driver(snapshot), _gpus(snapshot)
    packages = [_python(snapshot), _torch(snapshot), *_other_torches(snapshot)]
    if len(gpus) == 1:
        return [*packages, (driver, gpus[0])]
    return [*packages, (driver,), *((gpu,) for gpu in gpus)]


def _python(snapshot: Snapshot) -> Statement:
    version = _known(snapshot, "python.version")
    parts = [f"Python {version}" if version else f"Python: {_instead(snapshot, 'python.version', 'none')}"]
    executable = _known(snapshot, "python.executable", LONGEST)
    if executable:
        parts.append(executable)
    because = _known(snapshot, "python.chosen_because", LONGEST)
    if because:
        parts.append(f"({because})")
    return tuple(parts)


def _torch(snapshot: Snapshot) -> Statement:
    version = _known(snapshot, "torch.version")
    if version is None:
        return (f"torch: {_instead(snapshot, 'torch.version', 'not installed', with_reason=False)}",)
    parts = [f"torch {version} ({_build(snapshot)})"]
    for partner in ("torchvision", "torchaudio"):
        its_version = _known(snapshot, f"{partner}.version")
        if its_version is not None:
            parts.append(f"{partner} {its_version}")
    return tuple(parts)


def _other_torches(snapshot: Snapshot) -> list[Statement]:
    """Say where else a torch is: whoever means that one is told how to have it examined."""
    fact = snapshot["python.also_with_torch"]
    others = fact.value if isinstance(fact, Known) and isinstance(fact.value, list) else []
    return [(f"torch elsewhere: {safe(str(other))}", "(--python examines it)") for other in others[:MOST_OTHERS]]


def _build(snapshot: Snapshot) -> str:
    cuda, hip = _known(snapshot, "torch.cuda"), _known(snapshot, "torch.hip")
    if cuda is not None:
        build = f"CUDA {cuda}"
    elif hip is not None:
        build = f"ROCm {hip}"
    elif isinstance(snapshot["torch.cuda"], Absent):
        build = "no CUDA in this build"
    else:
        build = "build not known"
    provenance = _known(snapshot, "torch.provenance")
    return build if provenance in (None, "unknown") else f"{build}, from {provenance}"


def _driver(snapshot: Snapshot) -> str:
    version = _known(snapshot, "driver.version")
    if version is None:
        return f"driver: {_instead(snapshot, 'driver.version', 'none')}"
    cuda = _known(snapshot, "driver.cuda_version")
    return f"driver {version} (CUDA {cuda})" if cuda is not None else f"driver {version}"


@dataclass(frozen=True, slots=True)
class _Group:
    """GPUs with consecutive indexes that read the same."""

    first: int
    last: int
    label: str


def _gpus(snapshot: Snapshot) -> list[str]:
    count = snapshot["gpu.count"]
    if isinstance(count, Unknown):
        return [f"GPU: not known: {safe(count.reason)}"]
    number = count.value if isinstance(count, Known) else 0
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        return ["GPU: not known: gpu.count is not a whole number in this snapshot"]
    if number == 0:
        return [_no_gpu(snapshot)]
    groups: list[_Group] = []
    for index in range(min(number, MOST_GPUS)):
        label = _label(snapshot, index)
        if groups and groups[-1].label == label:
            groups[-1] = _Group(groups[-1].first, index, label)
        else:
            groups.append(_Group(index, index, label))
    return [_line(group) for group in groups]


def _line(group: _Group) -> str:
    if group.first == group.last:
        return f"GPU {group.first}: {group.label}"
    return f"GPU {group.first}-{group.last}: {group.last - group.first + 1} x {group.label}"


def _label(snapshot: Snapshot, index: int) -> str:
    name = _known(snapshot, f"gpu.{index}.name") or "name not known"
    capability = _known(snapshot, f"gpu.{index}.compute_capability") or "compute capability not known"
    label = f"{name} ({capability})"
    status = snapshot[f"gpu.{index}.status"]
    if isinstance(status, Known) and status.value == 15:  # NVML_ERROR_GPU_IS_LOST, nvml.h
        label += ", lost"
    visible = snapshot["gpu.visible"]
    if isinstance(visible, Known) and isinstance(visible.value, list) and index not in visible.value:
        hidden = isinstance(snapshot["env.CUDA_VISIBLE_DEVICES"], Known)
        label += ", hidden by CUDA_VISIBLE_DEVICES" if hidden else ", not visible to CUDA"
    return label


def _no_gpu(snapshot: Snapshot) -> str:
    on_the_bus = snapshot["pci.nvidia"]
    if isinstance(on_the_bus, Known) and isinstance(on_the_bus.value, list) and on_the_bus.value:
        number = len(on_the_bus.value)
        return f"GPU: none the driver shows, {number} NVIDIA device{'s' * (number > 1)} on the PCI bus"
    return "GPU: none"


def _known(snapshot: Snapshot, name: str, limit: int = SHORT) -> str | None:
    fact = snapshot[name]
    return safe(str(fact.value), limit) if isinstance(fact, Known) else None


def _instead(snapshot: Snapshot, name: str, absent: str, with_reason: bool = True) -> str:
    fact = snapshot[name]
    if isinstance(fact, Unknown):
        return f"not known: {safe(fact.reason)}"
    if isinstance(fact, Absent) and with_reason:
        return f"{absent} ({safe(fact.reason)})"
    return absent
