"""What a marked test needs of the machine, compared with what was seen: pure.

A test is skipped for what the machine is not, never for what is wrong with it: where torch cannot use a GPU that is
there, the test runs and fails, and `--envdoctor` says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from envdoctor.model.demand import Kind
from envdoctor.model.machine import Undecidable, parse_capability
from envdoctor.policy.words import NoDemand, specifier_of
from envdoctor.pytest_plugin.hooks import GPU
from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from envdoctor.model.machine import Capability, Gpu, Machine

T = TypeVar("T")

NO_GPU = "no NVIDIA GPU is visible to CUDA here"
MIB = 1 << 20


class Misused(ValueError):
    """A marker whose arguments say nothing that could be checked; the text names it and what to write."""


class Gpus(NamedTuple):
    """So many GPUs, each with a memory that meets `memory` (a specifier over bytes), which was written as `written`."""

    number: int
    memory: str | None
    written: str


def lacking(name: str, args: Sequence[object], kwargs: Mapping[str, object], machine: Machine) -> str | None:
    """Return why a test with this marker is skipped, None where the machine has what it needs.

    What could not be found out is no reason to run it. Raises `Misused`.
    """
    try:
        if name == GPU:
            return _said(name, _without_gpus(_called(requires_gpu, args, kwargs), machine))
        return _said(name, _below(_called(requires_compute_capability, args, kwargs), machine))
    except Undecidable as unknown:
        return _said(name, f"could not be found out: {unknown.reason}")


def requires_gpu(count: object = 1, memory: object = None) -> Gpus:
    """Read the arguments of the marker: a whole number, and a size as a policy writes it ("16 GiB")."""
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise Misused(f"requires_gpu: count is {count!r:.80}; write a whole number from 1 on")
    if memory is None:
        return Gpus(count, None, "")
    if not isinstance(memory, str):
        raise Misused(f'requires_gpu: memory is {memory!r:.80}; write it like "16 GiB"')
    try:
        return Gpus(count, specifier_of(Kind.SIZE, memory), memory.strip())
    except NoDemand as problem:
        raise Misused(f"requires_gpu: memory: {problem}") from None


def requires_compute_capability(major: object, minor: object = None) -> Capability:
    """Read the arguments of the marker: "8.0", 8.0, or 8 and 0."""
    written = f"{major}.{minor}" if minor is not None else str(major)
    found = parse_capability(written if "." in written else f"{written}.0")
    if found is None:
        raise Misused(f'requires_compute_capability: {written!r:.80} is none; write it like "8.0"')
    return found


def _called(read: Callable[..., T], args: Sequence[object], kwargs: Mapping[str, object]) -> T:
    try:
        return read(*args, **kwargs)
    except TypeError as problem:  # "requires_gpu() got an unexpected keyword argument 'gpus'"
        raise Misused(str(problem)) from None


def _said(name: str, why: str | None) -> str | None:
    return None if why is None else safe(f"{name}: {why}")


def _without_gpus(needed: Gpus, machine: Machine) -> str | None:
    visible = machine.visible_gpus
    if not visible:
        return NO_GPU
    if len(visible) < needed.number:
        return f"{_counted(needed.number)} needed, {len(visible)} visible to CUDA here"
    if needed.memory is None:
        return None
    from packaging.specifiers import SpecifierSet

    least = SpecifierSet(needed.memory)
    known = {gpu: _memory_mib(gpu, machine) for gpu in visible}
    enough = [gpu for gpu, mib in known.items() if mib is not None and least.contains(str(mib * MIB))]
    if len(enough) >= needed.number:
        return None
    for gpu, mib in known.items():
        if mib is None:
            raise Undecidable(f"the memory of {gpu.label} is not known, or it is cut into MIG instances")
    there = ", ".join(f"{gpu.label} has {(mib or 0) / 1024:.1f} GiB" for gpu, mib in known.items())
    return f"{_counted(needed.number)} with {needed.written} needed: {there}"


def _memory_mib(gpu: Gpu, machine: Machine) -> int | None:
    """Return the memory that a program has of a GPU, None where that is not known: of a MIG instance it is not."""
    if machine.told(f"gpu.{gpu.index}.mig_mode") == "on":
        return None
    name = f"gpu.{gpu.index}.memory_mib"
    return machine.number(name) if machine.is_known(name) else None


def _below(needed: Capability, machine: Machine) -> str | None:
    """Compare every visible GPU: which of them a test will compute on is its own choice."""
    visible = machine.visible_gpus
    lower = [gpu for gpu in visible if gpu.capability is not None and gpu.capability < needed]
    if lower:
        there = ", ".join(f"{gpu.label} has {_dotted(gpu.capability)}" for gpu in lower)
        return f"{_dotted(needed)} needed: {there}"
    for gpu in visible:
        if gpu.capability is None:
            raise Undecidable(f"the compute capability of {gpu.label} is not known")
    return None if visible else NO_GPU


def _counted(number: int) -> str:
    return f"{number} GPU{'s' if number != 1 else ''}"


def _dotted(capability: Capability | None) -> str:
    return ".".join(map(str, capability or ()))
