"""Runs tests of the battery many times in one process of a target interpreter, which imports torch once.

    python in_one_child.py FOLDER RUNS

`FOLDER` is the child's, `RUNS` a JSON list of [test, full, seed, fault]. A fault is null or [dotted names below `torch`
of which the first that exists is made faulty, "off by 1 %" | "nan" | "one wrong"]. One JSON object a run is printed.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from importlib import import_module


def loaded(folder, name):
    """Import a module of the child as its own script does."""
    if "envdoctor_smoke" not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            "envdoctor_smoke", folder + "/__init__.py", submodule_search_locations=[folder]
        )
        sys.modules["envdoctor_smoke"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["envdoctor_smoke"])
    return import_module("envdoctor_smoke." + name)


def off_by_one_percent(tensor):
    """Every number is 1 % too large, every whole one by one."""
    return tensor * 1.01 if tensor.is_floating_point() or tensor.is_complex() else tensor + 1


def with_nan(tensor):
    """One NaN in the middle, or one element that is no better."""
    return replaced(tensor, lambda old: float("nan") if isinstance(old, (float, complex)) else not old)


def one_wrong(tensor):
    """One element of many is one too large."""
    return replaced(tensor, lambda old: not old if isinstance(old, bool) else old + 1)


def replaced(tensor, new):
    """Return a copy with another element in its middle."""
    copy = tensor.clone().reshape(-1)
    copy[copy.numel() // 2] = new(copy[copy.numel() // 2].item())
    return copy.reshape(tensor.shape)


EFFECTS = {"off by 1 %": off_by_one_percent, "nan": with_nan, "one wrong": one_wrong}


def faulty(torch, function, effect):
    """Return the function with a wrong first result. While it computes, torch is as it was."""
    busy = []

    def wrong(*args, **kwargs):
        right = function(*args, **kwargs)
        if busy:
            return right
        busy.append(True)
        try:
            if isinstance(right, torch.Tensor):
                made = effect(right.to_dense() if right.is_sparse else right)
                return kwargs["out"].copy_(made) if kwargs.get("out") is not None else made
            changed = [effect(right[0]), *right[1:]]
            return tuple(changed) if type(right) is tuple else type(right)(changed)
        finally:
            busy.clear()

    return wrong


def place_of(torch, dotted):
    """Return what holds a function, and its name there; None where this torch has none."""
    owner, parts = torch, dotted.split(".")
    for part in parts[:-1]:
        owner = getattr(owner, part, None)
    return (owner, parts[-1]) if hasattr(owner, parts[-1]) else None


def main():
    """Do all runs."""
    folder, runs = sys.argv[1], json.loads(sys.argv[2])
    run_one = loaded(folder, "running").run_one
    cases = {case.name: case for case in loaded(folder, "catalogue").all_cases()}
    import torch

    for name, full, seed, fault in runs:
        place = place_of(torch, fault[0]) if fault else None
        if fault and place is None:
            continue
        if place:
            kept = getattr(*place)
            setattr(*place, faulty(torch, kept, EFFECTS[fault[1]]))
        with tempfile.TemporaryDirectory() as scratch:
            order = {"full": full, "seed": seed, "devices": [], "folder": scratch}
            told = run_one(torch, cases[name], "cpu", order)
        if place:
            setattr(*place, kept)
        told.update(test=name, full=full, fault=fault)
        print("\n" + json.dumps(told, default=str), flush=True)


if __name__ == "__main__":
    main()
