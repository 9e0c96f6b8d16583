"""Runs the tests of an order and says how each ended."""

from __future__ import annotations

import faulthandler
import sys
import time
import traceback
import warnings
import zlib
from collections import deque
from importlib import import_module
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Set

from .as_shipped import put_back
from .bench import Bench
from .case import Case, Unavailable, WrongNumbers
from .catalogue import all_cases

if TYPE_CHECKING:
    from types import ModuleType

    from .channel import Channel

MOST_TEXT = 4000
"""Characters kept of a message; torch repeats C++ stacks in some of them."""

MOST_FRAMES = 8
MOST_WARNINGS = 5
MOST_CODE = 2**31

NO_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "_STATUS_ALLOC_FAILED",  # cuBLAS, cuDNN, cuSOLVER, cuSPARSE
    "CUFFT_ALLOC_FAILED",
)
NO_KERNEL_WRITTEN = ("not implemented for '", "is not implemented on this machine")
"""What torch says where it has no such operation for a device or number type at all, which is no defect."""


def run(order: Dict[str, Any], channel: Channel) -> None:
    """Import torch, then run every test of the order, until the device is lost."""
    torch = _import(channel)
    if torch is None:
        return
    cases = {case.name: case for case in all_cases()}
    described: Set[str] = set()
    for name, device in order["items"]:
        case = cases[name]
        channel.begin(name, device)
        told = run_one(torch, case, device, order)
        if told["status"] == "passed" and device not in described:  # asked earlier, it might fail in the test's place
            described.add(device)
            told["about"] = about_device(torch, device)
        channel.say(event="end", test=name, device=device, **told)
        if told.get("poisoned"):
            return


def _import(channel: Channel) -> Optional[ModuleType]:
    channel.begin("import", "cpu")
    began = time.perf_counter()
    try:
        torch = import_module("torch")
        words = {"status": "passed", "torch": about(torch)}
    # Anything may come out of an import that is broken, SystemExit among it; all of it is the answer.
    except BaseException as trouble:
        torch = None
        words = _raised(trouble)
    _flush()
    channel.say(event="end", test="import", device="cpu", seconds=time.perf_counter() - began, **words)
    return torch


def about(torch: ModuleType) -> Dict[str, Any]:
    """Return what torch says of itself without starting CUDA; what an old one does not tell is left out."""
    version = getattr(torch, "version", None)
    told = {
        "version": getattr(torch, "__version__", None),
        "cuda": getattr(version, "cuda", None),
        "hip": getattr(version, "hip", None),
        "file": getattr(torch, "__file__", None),
    }
    return {key: str(value) for key, value in told.items() if value is not None}


def about_device(torch: ModuleType, device: str) -> Dict[str, Any]:
    """Return what torch says of one device: `name`, `capability`, `uuid` and `pci` as NVML writes them, `memory_mib`.

    What an old torch does not tell is left out; of all GPUs together ("cuda") there is nothing to tell.
    """
    try:
        if device == "cpu":
            return {"capability": torch.backends.cpu.get_cpu_capability()}
        if device == "cuda":
            return {}
        seen = torch.cuda.get_device_properties(device)
        told = {"name": seen.name, "capability": "%d.%d" % (seen.major, seen.minor)}
        told["memory_mib"] = seen.total_memory // 2**20
        if hasattr(seen, "uuid"):
            told["uuid"] = "GPU-" + str(seen.uuid)
        if hasattr(seen, "pci_domain_id"):
            told["pci"] = "%08X:%02X:%02X.0" % (seen.pci_domain_id, seen.pci_bus_id, seen.pci_device_id)
        return told
    # It is said beside a test that passed, and no trouble with it may harm that.
    except Exception:
        return {}


def run_one(torch: ModuleType, case: Case, device: str, order: Dict[str, Any]) -> Dict[str, Any]:
    """Run one test and return how it ended: the words of `end`."""
    seed = (int(order["seed"]) ^ zlib.crc32(case.name.encode())) & 0x7FFFFFFF
    stack_after = order.get("stack_after")
    if stack_after:
        # By number: a test may have put anything in the place of sys.stderr.
        faulthandler.dump_traceback_later(stack_after * case.patience, exit=False, file=2)
    put_back(torch)
    began = time.perf_counter()
    bench: Optional[Bench] = None
    # Named: otherwise it is looked for in sys.modules, out of which a test may have taken it.
    with warnings.catch_warnings(record=True, module=warnings) as given:
        warnings.simplefilter("always")
        try:
            bench = Bench(
                torch, device, devices=order["devices"], full=order["full"], seed=seed, folder=order.get("folder")
            )
            if device != "cpu":  # events are recorded on the current GPU
                torch.cuda.set_device(order["devices"][0] if device == "cuda" else device)
            case.run(torch, bench)
            bench.finish()
            words: Dict[str, Any] = {"status": "passed"}
        # Whatever a test raises is its answer: KeyboardInterrupt and SystemExit too, which a library may raise.
        except BaseException as trouble:
            words = _raised(trouble)
    if stack_after:
        faulthandler.cancel_dump_traceback_later()
    words["seconds"] = time.perf_counter() - began
    words["seed"] = seed
    if bench is not None:
        words.setdefault("error", bench.error)
        words.setdefault("bound", bench.bound)
        words["figures"] = bench.figures
    texts = [_text(one.message) for one in given]
    words["warnings"] = list(dict.fromkeys(texts))[:MOST_WARNINGS]
    if words["status"] not in ("passed", "skipped") and device != "cpu":
        words["poisoned"] = _is_lost(torch, device)
    _flush()
    return words


def _raised(trouble: BaseException) -> Dict[str, Any]:
    """Return how a test ended that raised."""
    text = _text(trouble)
    if isinstance(trouble, Unavailable):
        return {"status": "skipped", "message": text}
    if isinstance(trouble, WrongNumbers):
        return {"status": "wrong-numbers", "message": text, "error": trouble.error, "bound": trouble.bound}
    kind = type(trouble).__name__
    if isinstance(trouble, MemoryError) or kind == "OutOfMemoryError" or any(words in text for words in NO_MEMORY):
        return {"status": "skipped", "message": "out of memory: " + text if text else "out of memory"}
    if isinstance(trouble, (RuntimeError, NotImplementedError)) and any(words in text for words in NO_KERNEL_WRITTEN):
        return {"status": "skipped", "message": "this torch does not offer it here: " + text}
    return {
        "status": "failed",
        "exception": kind,
        "message": text,
        "error_code": _error_code(trouble),
        "trace": _frames(trouble),
    }


def _text(said: object) -> str:
    """Return the words of an exception or a warning; one whose own words fail has none."""
    try:
        return str(said)[:MOST_TEXT]
    # What it is made of was written by others, and anything may come of it, KeyboardInterrupt and SystemExit too.
    except BaseException:
        return ""


def _error_code(trouble: BaseException) -> Optional[int]:
    """Return the number that a torch.AcceleratorError has; CUDA's are below 1000."""
    try:
        code = getattr(trouble, "error_code", None)
        return int(code) if isinstance(code, int) and 0 <= code <= MOST_CODE else None
    # As for its words.
    except BaseException:
        return None


def _frames(trouble: BaseException) -> List[str]:
    """Return the innermost frames as "file:line in function", the innermost last."""
    # Not extract_tb, which goes and reads the sources.
    frames = deque(traceback.walk_tb(trouble.__traceback__), maxlen=MOST_FRAMES)
    return ["%s:%s in %s" % (frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in frames]


def _is_lost(torch: ModuleType, device: str) -> bool:
    """Whether the device does nothing any more in this process, as after an illegal memory access."""
    try:
        torch.cuda.synchronize(None if device == "cuda" else device)
        there = torch.ones(8, device=device) + 1
        return float(there.sum()) != 16.0
    # A device that is lost may refuse in any way.
    except Exception:
        return True


def _flush() -> None:
    """Hand on what was printed, so that the parent counts it for the test that printed it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # closed, or taken away by somebody
            pass
