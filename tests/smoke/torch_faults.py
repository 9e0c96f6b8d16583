"""Faults in a torch, put in right after `import torch` has finished: what runs inside the faulty environment.

Copied beside the packages of an environment together with `faults.json`, and imported when its Python starts. Python
3.8 and the standard library. `faults.json` is a list of {functions, effect, text}: dotted names below `torch` of the
spellings of one function, one of `EFFECTS`, and what the effect needs to be told.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import json
import os
import signal
import sys
import threading
import time

BLOCK = 64 * 2**20
MOST_TAKEN = 3 * 2**30
"""Bytes after which the greedy fault stops taking memory: nobody's machine is driven to its end by a test."""

PRINTED = 100 * 10**6

inside = threading.local()
"""Whether this thread is computing an effect, for which it needs torch as it was."""


def tensors_changed(change):
    """Return the effect that computes what it should and changes one number, or all, of the first result."""

    def effect(torch, function, text, args, kwargs):
        right = function(*args, **kwargs)
        if isinstance(right, torch.Tensor):
            return written_over(right, change(right), kwargs.get("out"))
        # Several results: a named tuple of torch is built from a sequence.
        wrong = [change(right[0]), *right[1:]]
        return wrong if type(right) is list else tuple(wrong) if type(right) is tuple else type(right)(wrong)

    return effect


def written_over(right, wrong, out):
    """Return the wrong tensor, in the place where the caller will look for it."""
    if out is None and not right.is_sparse and not right.requires_grad:
        out = right  # a function that changes its argument, or a view
    if out is None:
        return wrong
    out.copy_(wrong)
    return out


def off_by_one_percent(tensor):
    """Every number is 1 % too large; of whole numbers, one too large."""
    return tensor * 1.01 if tensor.is_floating_point() or tensor.is_complex() else tensor + 1


def with_nan(tensor):
    """One NaN in the middle; the lowest number in a tensor of whole ones."""
    return with_one(tensor, lambda number: number * float("nan") if tensor.is_floating_point() else number - 1)


def one_wrong(tensor):
    """One element in the middle is something else."""
    return with_one(tensor, lambda number: number + number.abs() + 1)


def with_one(tensor, change):
    """Return a copy whose element in the middle is changed."""
    copy = tensor.to_dense().clone() if tensor.is_sparse else tensor.clone()
    middle = tuple(size // 2 for size in copy.shape)
    copy[middle] = change(copy[middle].detach())
    return copy


def raised(torch, function, text, args, kwargs):
    """Torch's usual way to say that something failed."""
    raise RuntimeError(text)


def no_memory(torch, function, text, args, kwargs):
    """The allocator of the CPU in want of memory, as torch words it."""
    raise RuntimeError(
        "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
        "allocate 4398046511104 bytes. Error code 12 (Cannot allocate memory)"
    )


def interrupted(torch, function, text, args, kwargs):
    """What a user's Ctrl-C would raise, raised by a library."""
    raise KeyboardInterrupt


def exiting(torch, function, text, args, kwargs):
    """A library that means to end the program, by Python's own way."""
    sys.exit(3)


def recursion(torch, function, text, args, kwargs):
    """Python code that calls itself for ever."""
    return recursion(torch, function, text, args, kwargs)


def segfault(torch, function, text, args, kwargs):
    """A null pointer is read."""
    ctypes.string_at(0)


def abort(torch, function, text, args, kwargs):
    """As a failed assertion in C++ ends a process."""
    os.abort()


def exit_at_once(torch, function, text, args, kwargs):
    """The process ends without a word."""
    os._exit(3)


def hang(torch, function, text, args, kwargs):
    """A wait that nothing ends."""
    while True:
        time.sleep(1000)


def busy_hang(torch, function, text, args, kwargs):
    """A loop that nothing ends."""
    while True:
        pass


def deaf_hang(torch, function, text, args, kwargs):
    """A wait that not even a signal ends, unless it is the one that cannot be blocked."""
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))
    hang(torch, function, text, args, kwargs)


def flood(torch, function, text, args, kwargs):
    """A hundred megabytes on both standard streams, half of it in lines."""
    rest = PRINTED
    while rest > 0:
        rest -= os.write(1, b"so many words\n" * 4000)
        rest -= os.write(2, b"without an end " * 4000)
    return function(*args, **kwargs)


def greed(torch, function, text, args, kwargs):
    """Memory is taken and written until somebody ends it, or `MOST_TAKEN` is reached."""
    taken = [bytearray(os.urandom(1)) * BLOCK for _ in range(MOST_TAKEN // BLOCK)]
    raise RuntimeError(f"nobody minded that {sum(map(len, taken))} bytes were taken")


def threads_go_on(torch, function, text, args, kwargs):
    """A thread that outlives the test and every wish to end."""
    threading.Thread(target=hang, args=(torch, function, text, args, kwargs), daemon=False).start()
    return function(*args, **kwargs)


def closing(torch, function, text, args, kwargs):
    """Every file descriptor is closed, the one for the results among them, and the process lives on."""
    os.closerange(0, 1024)
    hang(torch, function, text, args, kwargs)


EFFECTS = {
    "off by 1 %": tensors_changed(off_by_one_percent),
    "nan": tensors_changed(with_nan),
    "one wrong": tensors_changed(one_wrong),
    "raises": raised,
    "no memory": no_memory,
    "interrupted": interrupted,
    "sys.exit": exiting,
    "recursion": recursion,
    "segfault": segfault,
    "abort": abort,
    "exit": exit_at_once,
    "hang": hang,
    "busy hang": busy_hang,
    "deaf hang": deaf_hang,
    "flood": flood,
    "greed": greed,
    "threads": threads_go_on,
    "closing": closing,
}


def spoil(torch, fault):
    """Put a fault in the place of every spelling of its function that this torch has."""
    for dotted in fault["functions"]:
        *above, name = dotted.split(".")
        owner = torch
        for part in above:
            owner = getattr(owner, part, None)
        function = getattr(owner, name, None)
        if function is not None:
            setattr(owner, name, faulty(torch, function, fault))


def faulty(torch, function, fault):
    """Return the function with the effect of the fault; within an effect it is as it was."""

    @functools.wraps(function)
    def called(*args, **kwargs):
        if getattr(inside, "effect", False):
            return function(*args, **kwargs)
        inside.effect = True
        try:
            return EFFECTS[fault["effect"]](torch, function, fault["text"], args, kwargs)
        finally:
            inside.effect = False

    return called


class WhenImported:
    """Finds torch for the import system, once, and spoils it as soon as it is loaded."""

    def __init__(self, faults):
        self.faults = faults

    def find_spec(self, name, path=None, target=None):
        """Answer for "torch" alone."""
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None:
            load = spec.loader.exec_module

            def load_and_spoil(module):
                load(module)
                for fault in self.faults:
                    spoil(module, fault)

            spec.loader.exec_module = load_and_spoil
        return spec


def wait_for_torch():
    """Stand in wait for the import of torch, with the faults that lie beside this file."""
    with open(os.path.join(os.path.dirname(__file__), "faults.json")) as file:
        sys.meta_path.insert(0, WhenImported(json.load(file)))
