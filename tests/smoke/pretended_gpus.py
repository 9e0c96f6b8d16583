"""The pretended GPUs: where tensors are, what memory they take, what errors there are, what a graph has captured."""

from __future__ import annotations

import time
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

MIB = 2**20

CUDA_ERRORS = {
    # Numbers and texts of cudaGetErrorString (CUDA Runtime API, "Data types used by CUDA Runtime"); sticky or not.
    "cudaErrorInitializationError": (3, "initialization error", False),
    "cudaErrorNoKernelImageForDevice": (209, "no kernel image is available for execution on the device", False),
    "cudaErrorSystemNotReady": (802, "system not yet initialized", False),
    "cudaErrorUnknown": (999, "unknown error", False),
    "cudaErrorECCUncorrectable": (214, "uncorrectable ECC error encountered", True),
    "cudaErrorIllegalAddress": (700, "an illegal memory access was encountered", True),
    "cudaErrorAssert": (710, "device-side assert triggered", True),
    "cudaErrorMisalignedAddress": (716, "misaligned address", True),
    "cudaErrorLaunchFailure": (719, "unspecified launch failure", True),
}


def tensors_in(torch: ModuleType, value: Any) -> Iterator[Any]:
    """Yield the tensors in arguments or results, also those in lists, tuples and dictionaries."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from tensors_in(torch, one)
    elif isinstance(value, dict):
        yield from tensors_in(torch, list(value.values()))


def place_of(tensor: Any) -> str:
    """Return the pretended device of a tensor: "cpu" or "cuda:N"."""
    return getattr(tensor, "pretended", "cpu")


class Memory:
    """What the tensors of one GPU take; torch's cache keeps what they gave back."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.owners: dict[int, int] = {}  # tensors by storage
        self.sizes: dict[int, int] = {}
        self.reserved = self.peak = 0

    @property
    def allocated(self) -> int:
        return sum(self.sizes.values())

    def take(self, tensor: Any) -> bool:
        """Count a tensor; False where it no longer fits."""
        storage = tensor.untyped_storage()
        key, size = storage.data_ptr(), storage.nbytes()
        if not size:
            return True
        if key not in self.owners and self.allocated + size > self.total:
            return False
        self.owners[key] = self.owners.get(key, 0) + 1
        self.sizes[key] = size
        weakref.finalize(tensor, self.give, key)
        self.peak = max(self.peak, self.allocated)
        self.reserved = max(self.reserved, self.allocated)
        return True

    def give(self, key: int) -> None:
        self.owners[key] -= 1
        if not self.owners[key]:
            del self.owners[key], self.sizes[key]

    def empty_cache(self) -> None:
        self.reserved = self.allocated


class Gpus:
    """The pretended GPUs of a process."""

    def __init__(self, torch: ModuleType, settings: Mapping[str, Any]) -> None:
        self.torch = torch
        self.count: int = settings["gpus"]
        major, minor = settings["capability"].split(".")
        self.capability = (int(major), int(minor))
        self.memory = [Memory(settings["memory_mib"] * MIB) for _ in range(self.count)]
        self.raises: dict[str, str] = settings["raises"]
        self.lost: str | None = None
        self.current = 0
        self.capturing: Graph | None = None
        self.busy = [0.0] * self.count  # seconds that each GPU has worked

    def named(self, device: Any) -> str | None:
        """Return "cpu" or "cuda:N" for whatever names a device, None for what names none; raises where none is so."""
        if isinstance(device, bool) or device is None:
            return None
        if isinstance(device, int):
            index: int | None = device
        elif isinstance(device, (str, self.torch.device)):
            text = str(device)
            kind, _, number = text.partition(":")
            if kind == "cpu":
                return "cpu"
            if kind != "cuda":
                return None
            index = int(number) if number else None
        else:
            return None
        if index is None:
            index = self.current
        if not 0 <= index < self.count:
            raise RuntimeError("CUDA error: invalid device ordinal")
        return f"cuda:{index}"

    def index(self, device: Any = None) -> int:
        name = self.named(device) or f"cuda:{self.current}"
        if name == "cpu":
            raise ValueError(f"Expected a cuda device, but got: {device}")
        return int(name[5:])

    def call(self, name: str) -> None:
        """Something is asked of a GPU: raise what is to be raised there."""
        error = self.lost or self.raises.get("init") or self.raises.get(name)
        if error is None:
            return
        number, text, sticky = CUDA_ERRORS[error]
        if sticky:
            self.lost = error
        kind = getattr(self.torch, "AcceleratorError", RuntimeError)
        trouble = kind(
            f"CUDA error: {text}\nCUDA kernel errors might be asynchronously reported at some other API call, so the "
            "stacktrace below might be incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1\n"
        )
        trouble.error_code = number
        raise trouble

    @contextmanager
    def working(self, *places: str) -> Iterator[None]:
        """The first of these places that is a GPU is busy meanwhile."""
        began = time.perf_counter()
        yield
        for place in places:
            if place != "cpu":
                self.busy[int(place[5:])] += time.perf_counter() - began
                break

    def captures(self, place: str) -> bool:
        """Whether what is called on a GPU goes into a graph: only what goes to the GPU whose stream captures."""
        return self.capturing is not None and self.capturing.place == place

    def wait(self) -> None:
        """The host waits for a GPU, which a capture does not allow."""
        if self.capturing is not None:
            self.capturing.broken = True
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    def put(self, tensor: Any, place: str) -> None:
        """Say where a tensor is."""
        tensor.pretended = place
        if place != "cpu" and tensor.layout is self.torch.strided and not self.memory[int(place[5:])].take(tensor):
            memory = self.memory[int(place[5:])]
            tensor.pretended = "cpu"
            raise self.torch.cuda.OutOfMemoryError(
                f"CUDA out of memory. Tried to allocate {tensor.untyped_storage().nbytes() / MIB:.2f} MiB. GPU "
                f"{place[5:]} has a total capacity of {memory.total / MIB:.2f} MiB"
            )


class Graph:
    """A captured graph: calls, and where each wrote its results."""

    def __init__(self, torch: ModuleType, gpus: Gpus) -> None:
        self.torch, self.gpus = torch, gpus
        self.calls: list[tuple[Any, Any, Any, Any]] = []
        self.kept: dict[int, tuple[Any, Any]] = {}
        self.made: list[Any] = []
        self.storages: set[int] = set()
        self.broken = False
        self.ready = False
        self.place = ""

    def before(self, given: list[Any]) -> None:
        """Keep what was in a tensor that was there before the capture: nothing happens while capturing."""
        for tensor in given:
            if tensor.layout is self.torch.strided and tensor.untyped_storage().data_ptr() not in self.storages:
                self.kept.setdefault(id(tensor), (tensor, tensor.detach().clone()))

    def after(self, func: Any, args: Any, kwargs: Any, out: Any, given: list[Any]) -> None:
        """Keep a call, and poison what it would have made."""
        old = {one.untyped_storage().data_ptr() for one in given if one.layout is self.torch.strided}
        for tensor in tensors_in(self.torch, out):
            if tensor.layout is self.torch.strided and tensor.untyped_storage().data_ptr() not in old:
                self.made.append(tensor)
                self.storages.add(tensor.untyped_storage().data_ptr())
        self.calls.append((func, args, kwargs, out))

    def begin(self) -> None:
        if self.gpus.capturing is not None:
            raise RuntimeError("CUDA error: operation would make the legacy stream depend on a capturing stream")
        self.calls, self.kept, self.made = [], {}, []
        self.gpus.capturing = self
        self.place = f"cuda:{self.gpus.current}"

    def end(self) -> None:
        self.gpus.capturing = None
        with self.torch._C.DisableTorchFunction(), self.torch.no_grad():
            for tensor, before in self.kept.values():
                tensor.copy_(before)
            for tensor in self.made:
                tensor.fill_(float("nan") if tensor.is_floating_point() or tensor.is_complex() else 0)
        self.kept = {}
        if self.broken:
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")
        self.ready = True

    def replay(self) -> None:
        if not self.ready:
            raise RuntimeError("Called CUDAGraph::replay without a preceding successful capture.")
        self.gpus.call("replay")
        with self.gpus.working(self.place), self.torch._C.DisableTorchFunction(), self.torch.no_grad():
            for func, args, kwargs, out in self.calls:
                again = func(*args, **kwargs)
                for old, new in zip(tensors_in(self.torch, out), tensors_in(self.torch, again), strict=True):
                    if old is not new and old.untyped_storage().data_ptr() != new.untyped_storage().data_ptr():
                        old.copy_(new)
