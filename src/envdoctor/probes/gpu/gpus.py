"""The GPUs a driver enumerates, as NVML, libcuda or nvidia-smi name them, and which of them are visible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes.gpu.visibility import visible

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "gpu.count": "how many GPUs the driver enumerates",
    "gpu.visible": "indexes of those that CUDA programs of this environment see",
    "gpu.cuda_order": "the same in CUDA's order: the first is `cuda:0`, whatever the driver's order is",
    "gpu.N.name": "marketing name of GPU N, in the driver's order (by PCI bus)",
    "gpu.N.uuid": "its UUID",
    "gpu.N.compute_capability": "its compute capability: 8.0",
    "gpu.N.memory_mib": "its memory in MiB",
    "gpu.N.pci": "its PCI address",
    "gpu.N.status": "0, or the NVML error code with which this GPU refused (15: lost)",
    "gpu.N.mig": "UUIDs of its MIG instances, where MIG is on",
}

COUNTED = ("gpu.count", "gpu.visible", "gpu.cuda_order")

NOT_LOADED = 9  # NVML_ERROR_DRIVER_NOT_LOADED
NO_PERMISSION = 4  # NVML_ERROR_NO_PERMISSION: a GPU that the control group of this process withholds
LOST = 15  # NVML_ERROR_GPU_IS_LOST
MOST = 1024
LONGEST = 256
"""Characters kept of a name or UUID; NVML's own buffers hold 96."""


@dataclass(frozen=True, slots=True)
class SeenGpu:
    """One GPU as one source told it; None for what it did not tell. `memory` is in MiB."""

    index: int
    source: str
    name: str | None = None
    uuid: str | None = None
    capability: str | None = None
    memory: int | None = None
    pci: str | None = None
    status: int | None = 0
    mig: tuple[str, ...] | None = None


def from_nvml(said: list[dict[str, Value]]) -> list[SeenGpu] | None:
    """Read the lines of the NVML child; None where it did not come to count the GPUs."""
    count = next((words["count"] for words in said if isinstance(words.get("count"), int)), None)
    if not isinstance(count, int):
        return None
    seen = [SeenGpu(index, "nvml", status=None) for index in range(min(count, MOST))]
    for words in said:
        index = words.get("gpu")
        if isinstance(index, int) and 0 <= index < len(seen):
            memory, mig, status = words.get("memory"), words.get("mig_devices"), words.get("status")
            seen[index] = SeenGpu(
                index,
                "nvml",
                name=_text(words.get("name")),
                uuid=_text(words.get("uuid")),
                capability=_text(words.get("capability")),
                memory=memory // 2**20 if isinstance(memory, int) else None,
                pci=_text(words.get("pci")),
                status=status if isinstance(status, int) else 0,
                mig=tuple(str(one) for one in mig) if isinstance(mig, list) else None,
            )
    return seen


def from_cuda(told: list[dict[str, Value]]) -> list[SeenGpu] | None:
    """Read the lines of the libcuda child: only what is visible, in CUDA's order; None where it failed."""
    if not any(words.get("end") for words in told):
        return None
    return [
        SeenGpu(
            index,
            "libcuda",
            name=_text(words.get("name")),
            uuid=_text(words.get("uuid")),
            capability=_text(words.get("capability")),
            pci=_text(words.get("pci")),
        )
        for words in told
        for index in (words.get("device"),)
        if isinstance(index, int)
    ]


def parse_smi(text: str) -> tuple[Fact, list[SeenGpu]]:
    """Read `nvidia-smi --query-gpu=index,driver_version,name,uuid,compute_cap,memory.total`.

    0, 535.104.05, NVIDIA A100-SXM4-80GB, GPU-5d1f..., 8.0, 81920 MiB
    """
    seen: list[SeenGpu] = []
    driver: Fact = Unknown("nvidia-smi lists no GPU")
    for line in text.splitlines()[:MOST]:
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) < 6 or not cells[0].isdigit():
            continue
        uuid, capability, memory = cells[-3:]
        memory = memory.removesuffix("MiB").strip()
        seen.append(
            SeenGpu(
                len(seen),
                "nvidia-smi",
                name=_told(", ".join(cells[2:-3])),
                uuid=_told(uuid),
                capability=_told(capability),
                memory=int(memory) if memory.isdecimal() and len(memory) < 12 else None,
            )
        )
        if _told(cells[1]):
            driver = Known(cells[1], "nvidia-smi")
    return driver, seen


def look(at: Looking, driver: Facts, listed: list[SeenGpu] | None, usable: list[SeenGpu] | None) -> Facts:
    """Turn what was listed (NVML or nvidia-smi) and what CUDA enumerates into facts.

    Where neither listed anything, the reason stands in `gpu.count`: Absent when no source knows of a
    driver, Unknown when one is there and does not answer.
    """
    seen = listed if listed is not None else usable
    if not listed and usable:
        seen = usable  # early releases of Jetson's NVML start, and count no GPU
    if seen is None:
        nobody = Absent("no NVIDIA driver lists a GPU")
        status, init, trouble = driver["nvml.status"], driver["cuda.init"], driver["driver.trouble"]
        if isinstance(status, Absent) and _finds_none(at, init):
            return dict.fromkeys(COUNTED, nobody)
        if _out_of_reach(at, driver):
            nobody = Absent("no driver is loaded here, or no device file of it was passed in")
            return dict.fromkeys(COUNTED, nobody)
        if isinstance(status, Known):
            reason = (
                f"NVML refused with error {status.value}" if status.value else "NVML did not come to count the GPUs"
            )
            if isinstance(trouble, Known):
                reason = str(trouble.value)
        elif isinstance(init, Known):
            reason = f"libnvidia-ml.so.1 was not found, and cuInit ended with error {init.value}"
        else:
            reason = status.reason if isinstance(status, Unknown) else getattr(init, "reason", "")
        return dict.fromkeys(COUNTED, Unknown(reason))
    facts: Facts = {
        "gpu.count": Known(len(seen), seen[0].source if seen else "nvml" if listed is not None else "libcuda")
    }
    for gpu in seen:
        facts.update(_facts_of(gpu))
    if seen is not usable:
        facts.update(_by_libcuda(seen, usable or []))
    facts["gpu.visible"] = visible = _visible(at, seen, usable, driver["cuda.init"])
    facts["gpu.cuda_order"] = _cuda_order(seen, usable, visible)
    return facts


def _facts_of(gpu: SeenGpu) -> Facts:
    refusal = f"the GPU refused with NVML error {gpu.status}" if gpu.status else f"{gpu.source} did not tell"
    told: dict[str, Value] = {
        "name": gpu.name,
        "uuid": gpu.uuid,
        "compute_capability": gpu.capability,
        "memory_mib": gpu.memory,
        "pci": gpu.pci,
    }
    facts: Facts = {
        f"gpu.{gpu.index}.{key}": Known(value, gpu.source) if value is not None else Unknown(refusal)
        for key, value in told.items()
    }
    unreached = Unknown("NVML did not come to tell of this GPU")
    facts[f"gpu.{gpu.index}.status"] = Known(gpu.status, gpu.source) if gpu.status is not None else unreached
    if gpu.mig is not None:
        facts[f"gpu.{gpu.index}.mig"] = Known(list(gpu.mig), gpu.source)
    return facts


def _by_libcuda(seen: list[SeenGpu], usable: list[SeenGpu]) -> Facts:
    """Tell what NVML did not tell of a GPU and libcuda does: Jetson's NVML tells little more than a name."""
    facts: Facts = {}
    for gpu in usable:
        index = _same(seen, gpu)
        if index is None or seen[index].mig is not None:  # an instance is not the GPU it is cut from
            continue
        listed = seen[index]
        for key, known, value in (
            ("name", listed.name, gpu.name),
            ("uuid", listed.uuid, f"GPU-{gpu.uuid}" if gpu.uuid else None),
            ("compute_capability", listed.capability, gpu.capability),
            ("pci", listed.pci, gpu.pci),
        ):
            if known is None and value is not None:
                facts[f"gpu.{listed.index}.{key}"] = Known(value, "libcuda")
    return facts


NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE


def _visible(at: Looking, seen: list[SeenGpu], usable: list[SeenGpu] | None, init: Fact) -> Fact:
    """Tell which GPUs are visible: as CUDA enumerates them, or by reading CUDA_VISIBLE_DEVICES."""
    if usable is not None and seen and seen[0].source == "libcuda":
        return Known([*(gpu.index for gpu in seen)], "libcuda")
    if usable is not None:
        matched = [_same(seen, gpu) for gpu in usable]
        if None not in matched:
            return Known([*sorted({index for index in matched if index is not None})], "libcuda")
    asked = at.text("env.CUDA_VISIBLE_DEVICES")
    finds_none = isinstance(init, Known) and init.value == NO_DEVICE
    if asked is not None and finds_none:
        return Known([], "libcuda")
    if finds_none and any(gpu.mig is not None for gpu in seen):
        # In MIG mode a GPU is reached through its instances alone, and CUDA found none of them.
        return Known([gpu.index for gpu in seen if gpu.mig is None], "libcuda, and MIG modes")
    found = visible(
        asked,
        at.text("env.CUDA_DEVICE_ORDER"),
        uuids=[gpu.uuid for gpu in seen],
        instances=[gpu.mig or () for gpu in seen],
        alike=len({(gpu.name, gpu.capability) for gpu in seen}) <= 1,
    )
    if isinstance(found, str):
        return Unknown(found)
    found = [index for index in found if seen[index].status != NO_PERMISSION]
    return Known([*found], "CUDA_VISIBLE_DEVICES" if asked is not None else "CUDA_VISIBLE_DEVICES is not set")


def _cuda_order(seen: list[SeenGpu], usable: list[SeenGpu] | None, shown: Fact) -> Fact:
    """Tell the visible GPUs in the order of CUDA, which counts the fastest first and obeys CUDA_VISIBLE_DEVICES."""
    if usable is not None and isinstance(shown, Known) and shown.source == "libcuda":
        by_libcuda = seen[0].source == "libcuda" if seen else False
        order = [gpu.index if by_libcuda else _same(seen, gpu) for gpu in usable]
        return Known([*dict.fromkeys(index for index in order if index is not None)], "libcuda")
    if isinstance(shown, Known) and isinstance(shown.value, list) and len(shown.value) <= 1:
        return Known(shown.value, shown.source)
    return shown if isinstance(shown, Unknown) else Unknown("libcuda did not tell which GPU it counts first")


def _same(seen: list[SeenGpu], gpu: SeenGpu) -> int | None:
    """Return the index of a CUDA device among the listed ones, by UUID, else by PCI address."""
    for other in seen:
        names = [other.uuid, *(other.mig or ())]
        if gpu.uuid and any(name and name.lower().endswith(gpu.uuid.lower()) for name in names):
            return other.index
    for other in seen:
        if gpu.pci and other.pci and other.pci.lower().endswith(gpu.pci.lower()[-12:]):
            return other.index
    if len(seen) == 1 and not (seen[0].uuid and gpu.uuid) and not (seen[0].pci and gpu.pci):
        return 0  # the one GPU there is, of which one of the two told no address
    return None


def _finds_none(at: Looking, init: Fact) -> bool:
    """Whether libcuda is not there either, or finds no GPU though none is hidden from it."""
    hidden = at.text("env.CUDA_VISIBLE_DEVICES") is not None
    return isinstance(init, Absent) or (isinstance(init, Known) and init.value == NO_DEVICE and not hidden)


def _out_of_reach(at: Looking, driver: Facts) -> bool:
    """Whether no GPU can be reached, though libraries of a driver are there: those of an image, a toolkit's stub.

    A container sees the bus and the module of its host, and reaches by the device files alone what was passed in.
    The GPUs of WSL and Jetson are reached without that module; device files tell of those.
    """
    status, init, nodes = driver["nvml.status"], driver["cuda.init"], at.facts.get("device.nodes")
    if isinstance(init, Unknown) or not (
        isinstance(status, Absent) or (isinstance(status, Known) and status.value == NOT_LOADED)
    ):
        return False
    if isinstance(nodes, Absent) and isinstance(at.facts.get("container.runtime"), Known):
        return True
    no_module = all(isinstance(driver[f"driver.version.{source}"], Absent) for source in ("proc", "sys"))
    looked = isinstance(at.facts.get("pci.nvidia"), Known)
    return no_module and looked and not {"dxg", "nvgpu"}.intersection(at.texts("device.nodes"))


def _text(value: Value | None) -> str | None:
    return value[:LONGEST] if isinstance(value, str) and value else None


def _told(cell: str) -> str | None:
    """Return a cell of nvidia-smi, None for its words for "not told"."""
    return (
        None
        if cell[:LONGEST] in ("", "[N/A]", "N/A", "[Not Supported]", "[Unknown Error]", "[GPU is lost]")
        else cell[:LONGEST]
    )
