"""Which devices a battery may run on: nobody's work is disturbed, and what is left out is left out with a reason.

What the driver did not tell is no reason: an NVML that answers nothing leaves every GPU to be run.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.fact import Known
from envdoctor.model.machine import MOST_GPUS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envdoctor.model.machine import Machine

CPU = "cpu"
BUSY_PERCENT = 20
"""Utilisation above which somebody computes: a desktop that draws its windows stays below."""
MOST_USED = 0.25
"""Share of the memory that may be taken: a desktop takes less, a model that waits for its next request more."""
LEAST_FREE_MIB = 2048
"""With less, tests would rather find memory short than a defect: context and libraries take their part first."""


WITHOUT_CUDA = "the installed torch is built without CUDA; `envdoctor plan` says which one fits the GPU"


class LeftOut(NamedTuple):
    """A device that is not run, and why. `device` is "cuda:1", or "gpu:1" where CUDA's order is not known."""

    device: str
    reason: str


class Chosen(NamedTuple):
    """What to run on, in this order, and what not; `nothing_because` is a sentence where `devices` is empty."""

    devices: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    nothing_because: str | None


def devices_for(
    machine: Machine, asked: Sequence[str] | None, by_itself: bool, unserved: Mapping[int, str] | None = None
) -> Chosen:
    """Choose among the visible GPUs: what was asked for, else what disturbs nobody.

    `asked` are devices as torch names them ("cuda:0", "cpu"), None where the user named none: then every GPU that is
    free is chosen, and the processor where there is no such GPU, unless envdoctor smokes `by_itself`. `unserved` are
    GPUs, by index, on which the installed torch cannot run, with the reason.
    """
    if asked is not None:
        return _as_asked(machine, asked)
    order = cuda_order(machine)
    reason = _no_gpu_because(machine, order, by_itself)
    left_out: list[LeftOut] = []
    devices: list[str] = []
    if reason is None and order is not None:
        for number, index in enumerate(order):
            told = (unserved or {}).get(index) or _occupied(machine, index)
            if told:
                left_out.append(LeftOut(f"cuda:{number}", told))
            else:
                devices.append(f"cuda:{number}")
        reason = None if devices else "no GPU is free to be tested"
    if devices or by_itself:
        return Chosen(tuple(devices), tuple(left_out), None if devices else reason)
    if reason and not left_out and _number(machine, "gpu.count"):
        left_out.append(LeftOut("any GPU", reason))
    return Chosen((CPU,), tuple(left_out), None)


def cuda_order(machine: Machine) -> tuple[int, ...] | None:
    """Return the visible GPUs, by index, in CUDA's order: what stands at N is `cuda:N`; None where it is not known.

    Equal GPUs are counted as the bus does, which is the driver's order, unless CUDA_VISIBLE_DEVICES turns it round.
    """
    for fact in ("gpu.cuda_order", "gpu.visible"):
        told = machine.snapshot[fact]
        if isinstance(told, Known) and isinstance(told.value, list):
            indexes = [one for one in told.value if isinstance(one, int) and 0 <= one < MOST_GPUS]
            if fact == "gpu.cuda_order" or len(indexes) == 1:
                return tuple(indexes)
    return None


def index_of(machine: Machine, device: str, uuid: str | None = None, pci: str | None = None) -> int | None:
    """Return which GPU, in the driver's order, `cuda:N` is: by what CUDA said of it, else by the order."""
    count = _number(machine, "gpu.count") or 0
    for index in range(min(count, MOST_GPUS)):
        names = machine.snapshot[f"gpu.{index}.mig"]
        instances = names.value if isinstance(names, Known) and isinstance(names.value, list) else []
        known = [_text(machine, f"gpu.{index}.uuid"), *(str(one) for one in instances)]
        if uuid and any(name and _bare(name) == _bare(uuid) for name in known):
            return index
    if pci:
        for index in range(min(count, MOST_GPUS)):
            if _same_address(_text(machine, f"gpu.{index}.pci"), pci):
                return index
    number = re.fullmatch(r"cuda:(\d{1,4})", device)
    order = cuda_order(machine)
    return order[int(number[1])] if number and order is not None and int(number[1]) < len(order) else None


def _as_asked(machine: Machine, asked: Sequence[str]) -> Chosen:
    """Take what was named, in use or not; only what would throw others off the GPU, or cannot start, is left out."""
    order = cuda_order(machine)
    devices: list[str] = []
    left_out: list[LeftOut] = []
    for device in dict.fromkeys(asked):
        index = index_of(machine, device)
        reason = _locked(machine, index) if index is not None else None
        if order is not None and index is None and device != CPU:
            reason = f"CUDA counts {len(order)} GPU{'' if len(order) == 1 else 's'} here"
        if device != CPU and _built_without_gpus(machine):
            reason = WITHOUT_CUDA
        if reason:
            left_out.append(LeftOut(device, reason))
        else:
            devices.append(device)
    because = None if devices else "; ".join(f"{one.device}: {one.reason}" for one in left_out) or "no device was named"
    return Chosen(tuple(devices), tuple(left_out), because)


def _no_gpu_because(machine: Machine, order: tuple[int, ...] | None, by_itself: bool) -> str | None:
    """Say why no GPU comes into question at all; None where one may."""
    if _number(machine, "gpu.count") in (None, 0):
        return "no NVIDIA GPU is here" if machine.is_absent("gpu.count") else "no NVIDIA GPU was found"
    if isinstance(machine.snapshot["torch.version"], Known) and machine.is_absent("torch.cuda"):
        return WITHOUT_CUDA
    if order is None:
        return "which GPUs CUDA counts is not known"
    if not order:
        return "CUDA sees none of the GPUs"
    init = _number(machine, "cuda.init")
    if by_itself and init:
        return f"CUDA does not start (error {init})"
    return None


def _built_without_gpus(machine: Machine) -> bool:
    """Whether torch is there, and is built neither for CUDA nor for ROCm, whose devices go by the same name."""
    known = isinstance(machine.snapshot["torch.version"], Known)
    return known and machine.is_absent("torch.cuda") and machine.is_absent("torch.hip")


def _occupied(machine: Machine, index: int) -> str | None:
    """Say why a GPU that nobody named is left alone; None where nothing speaks against it."""
    mode = _text(machine, f"gpu.{index}.compute_mode")
    processes = _number(machine, f"gpu.{index}.processes") or 0
    busy = _number(machine, f"gpu.{index}.utilization") or 0
    whole, free = (_number(machine, f"gpu.{index}.{key}") for key in ("memory_mib", "memory_free_mib"))
    if mode is not None and mode != "default":
        return f"it is in the compute mode {mode}"
    if _text(machine, f"gpu.{index}.mig_mode") == "on":
        return "it is in MIG mode, and who uses its instances is not told"
    if processes:
        return "in use: a process computes on it" if processes == 1 else f"in use: {processes} processes compute on it"
    if busy > BUSY_PERCENT:
        return f"in use: {busy} % busy"
    if free is not None and free < LEAST_FREE_MIB:
        return f"{free} MiB of its memory are free, less than {LEAST_FREE_MIB}"
    if whole and free is not None and whole - free > MOST_USED * whole:
        return f"in use: {whole - free} of {whole} MiB of its memory are taken"
    return None


def _locked(machine: Machine, index: int) -> str | None:
    """Say why a GPU cannot be run even where it was asked for."""
    mode = _text(machine, f"gpu.{index}.compute_mode")
    processes = _number(machine, f"gpu.{index}.processes") or 0
    if mode == "prohibited":
        return "its compute mode prohibits every program"
    if mode is not None and mode.startswith("exclusive") and processes:
        return f"it is in the compute mode {mode}, and another process has it"
    return None


def _number(machine: Machine, name: str) -> int | None:
    fact = machine.snapshot[name]
    value = fact.value if isinstance(fact, Known) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(machine: Machine, name: str) -> str | None:
    fact = machine.snapshot[name]
    return fact.value if isinstance(fact, Known) and isinstance(fact.value, str) else None


def _bare(uuid: str) -> str:
    """Return a UUID without what NVML writes before it and CUDA does not, and without hyphens."""
    return re.sub(r"^(gpu|mig)-|-", "", uuid.lower())


def _same_address(one: str | None, other: str) -> bool:
    """Whether two PCI addresses are the same: the domain has four digits for some and eight for others."""
    return one is not None and one.lower().lstrip("0") == other.lower().lstrip("0")
