"""Pretended GPUs in a child process with a real torch: "cuda:N" is computed on the CPU.

So every path for GPUs runs to its end where no GPU is:

    environ = os.environ | pretending(tmp_path, gpus=2, capability="9.0")

A TorchFunctionMode sees every call of torch; a tensor carries the pretended device as an attribute of its own.

What it holds a test to, as a real one does: tensors of two devices do not mix, nor does a CPU generator fill a GPU's
tensor; what a graph captures has not happened before it is replayed, and nothing waits during a capture; an event of
one GPU sees nothing of what another one does; memory is counted and runs out; `raises` gives an error of CUDA where a
function is called, and after those that take the context with them every later call raises too.

What it does not model: concurrency (every call is finished when it returns, so a missing `wait` never shows); the
kernels, their rounding and their speed (they are the CPU's); the choice among attention backends (all are `math`);
TF32; `torch.compile` (what is compiled is run as it stands); NCCL's process group (gloo does its work); more than one
thread (a mode is of the thread that loaded torch).
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pretended_calls import mode_of
from pretended_gpus import Gpus
from pretended_modules import change_modules

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

SETTINGS = "PRETEND_CUDA"


def pretending(
    folder: Path,
    *,
    gpus: int = 1,
    capability: str = "9.0",
    memory_mib: int = 2048,
    raises: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the variables under which a Python has pretended GPUs; `folder` takes the module that arranges it.

    `raises` are names of CUDA errors by the name of the function of torch, called on a GPU, that raises them ("sort",
    "matmul"; "init" is the start of CUDA, which everything on a GPU needs).
    """
    folder.mkdir(parents=True, exist_ok=True)
    here = Path(__file__).resolve()
    (folder / "sitecustomize.py").write_text(
        f"import sys\nsys.path.append({str(here.parent)!r})\nimport {here.stem}\nsys.path.pop()\n{here.stem}.arm()\n"
    )
    settings = {"gpus": gpus, "capability": capability, "memory_mib": memory_mib, "raises": dict(raises or {})}
    return {"PYTHONPATH": str(folder), SETTINGS: json.dumps(settings)}


def arm() -> None:
    """Have torch changed as soon as it is imported, where the environment asks for it."""
    if SETTINGS in os.environ:
        sys.meta_path.insert(0, AfterTorch())


class AfterTorch(importlib.abc.MetaPathFinder):
    """Finds torch as the others do, and changes it when it is loaded."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec("torch")
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_change(module: ModuleType) -> None:
                load(module)
                install(module, json.loads(os.environ[SETTINGS]))

            spec.loader.exec_module = load_and_change  # type: ignore[method-assign]
        return spec


def install(torch: ModuleType, settings: Mapping[str, Any]) -> None:
    """Change a loaded torch so that it has the GPUs of `settings`."""
    gpus = Gpus(torch, settings)
    change_modules(torch, gpus)
    mode_of(torch, gpus).__enter__()
